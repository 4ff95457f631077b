"""Asks again and again whether something answers; the network counts as up when every probe succeeds."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from base64 import b64encode
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

from talos.controllers.publish import always
from talos.resources.network import ProbeSpecSpec, ProbeStatusSpec
from talos.state.controller import EXCLUSIVE, Controller, Input, Output
from talos.state.runtime import Runtime

LINE_LIMIT = 8192
# The connection is closed at once and leaves no TIME-WAIT: a probe a second would otherwise keep sixty ports.
_LINGER = struct.pack("ii", 1, 1)


class ProbeError(Exception):
    """What was asked did not answer as it should; the text says what it did."""


async def ask(spec: ProbeSpecSpec) -> None:
    """One attempt. Raises ProbeError."""
    if spec.tcp is not None:
        host, _, port = spec.tcp.endpoint.rpartition(":")
        attempt, timeout, what = _tcp(host.strip("[]"), int(port)), spec.tcp.timeout, spec.tcp.endpoint
    else:
        assert spec.http is not None
        attempt, timeout, what = _http(urlsplit(spec.http.url)), spec.http.timeout, spec.http.url
    try:
        async with asyncio.timeout(timeout.total_seconds()):
            await attempt
    except TimeoutError:
        raise ProbeError(f"{what}: no answer within {timeout.total_seconds():g} s") from None
    except (OSError, ValueError) as error:
        raise ProbeError(f"{what}: {error}") from error


async def _tcp(host: str, port: int) -> None:
    _reader, writer = await asyncio.open_connection(host, port)
    _close(writer)


async def _http(url: SplitResult) -> None:
    """GET; 200 to 399 is success, a redirection is not followed (RFC 9110, 15)."""
    context = None
    if url.scheme == "https":
        import ssl

        context = ssl.create_default_context()
    port = url.port or (443 if context else 80)
    reader, writer = await asyncio.open_connection(url.hostname, port, ssl=context, limit=LINE_LIMIT)
    try:
        writer.write(_request(url))
        line = (await reader.readline()).decode("latin-1").strip()
    finally:
        _close(writer)
    version, _, status = line.partition(" ")
    code = status[:3]
    if not (version.startswith("HTTP/") and code.isdigit()):
        raise ValueError("the answer is not HTTP" if line else "the connection was closed without an answer")
    if not 200 <= int(code) < 400:
        raise ValueError(f"answered {status}")


def _request(url: SplitResult) -> bytes:
    host = url.netloc.rpartition("@")[2]
    target = (url.path or "/") + (f"?{url.query}" if url.query else "")
    lines = [f"GET {target} HTTP/1.1", f"Host: {host}", "User-Agent: talos", "Accept: */*", "Connection: close"]
    if url.username is not None:
        login = f"{unquote(url.username)}:{unquote(url.password or '')}"
        lines.append(f"Authorization: Basic {b64encode(login.encode()).decode()}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def _close(writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER)
    writer.close()


class ProbeController(Controller):
    """ProbeSpecs → ProbeStatuses, of the same ids."""

    name = "network.ProbeController"
    process = "networkd"
    inputs = (Input(ProbeSpecSpec),)
    outputs = (Output(ProbeStatusSpec, EXCLUSIVE),)

    def __init__(self) -> None:
        self._running: dict[str, tuple[ProbeSpecSpec, asyncio.Task[Any]]] = {}

    async def reconcile(self, rt: Runtime) -> None:
        wanted = {resource.id: resource.spec for resource in await rt.list(ProbeSpecSpec)}
        for id_, (spec, task) in list(self._running.items()):
            # Done: the controller was started anew, which ended its tasks.
            if wanted.get(id_) != spec or task.done():
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
                del self._running[id_]
        for id_, spec in wanted.items():
            if id_ not in self._running:
                task = rt.spawn(self._probe(rt, id_, spec), name=f"{self.name}/{id_}")
                self._running[id_] = (spec, task)
        await rt.keep_only(ProbeStatusSpec, wanted)

    async def _probe(self, rt: Runtime, id_: str, spec: ProbeSpecSpec) -> None:
        failures = 0
        while True:
            try:
                await ask(spec)
            except ProbeError as error:
                failures += 1
                if failures == max(1, spec.failure_threshold):
                    rt.log.error("probe %s", error)
                if failures >= spec.failure_threshold:
                    status = ProbeStatusSpec(success=False, last_error=str(error))
                    await rt.modify(ProbeStatusSpec, id_, always(status))
            else:
                if failures:
                    rt.log.info("probe %s succeeded", id_)
                failures = 0
                await rt.modify(ProbeStatusSpec, id_, always(ProbeStatusSpec(success=True)))
            await rt.clock.sleep(spec.interval.total_seconds())
