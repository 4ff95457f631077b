"""Serves the static pods to the kubelet over HTTP on the loopback address.

The list lives on in a file in memory together with the port: a kubelet whose list became empty for a moment, because
machined had been killed and its controllers had not yet made the pods again, would take the control plane down, and a
kubelet whose URL changed would be restarted. So a restarted machined serves the old list until every pod of it is there
again, or was not made again for a minute.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from typing import Any

from talos.controllers.files_on_disk import write_file
from talos.environment import NodeEnvironment
from talos.resources.k8s import StaticPodServerStatusSpec, StaticPodSpec
from talos.state import Controller, Input, Output, Runtime

STATUS = "static-pod-server-status"
SAVED = "/system/run/static-pods.json"
SETTLE_S = 0.02
"""pods that are made one after the other by one controller appear as one list"""
PATIENCE_S = 60.0
HOLD_S = 8.0
"""how long an unchanged answer is held back; the kubelet gives a request up after ten seconds"""


class StaticPodServerController(Controller):
    """StaticPods -> HTTP server, StaticPodServerStatus."""

    name = "k8s.StaticPodServerController"
    inputs = (Input(StaticPodSpec),)
    outputs = (Output(StaticPodServerStatusSpec),)

    def __init__(self) -> None:
        self._answer: bytes | None = None
        self._awaited: set[str] = set()
        self._patience_until = 0.0
        self._changed = asyncio.Event()
        self._clients: set[asyncio.StreamWriter] = set()

    async def run(self, rt: Runtime) -> None:
        saved = _load(rt.env)
        if saved.get("pods"):
            self._answer = _pod_list(saved["pods"])
            self._awaited = set(saved["pods"])
            self._patience_until = rt.clock.monotonic() + PATIENCE_S
            rt.requeue_after(PATIENCE_S)
        server = await asyncio.start_server(self._serve, sock=_socket(saved.get("port", 0)))
        port = server.sockets[0].getsockname()[1]
        # Not `async with server`: from Python 3.12 on that waits for the kubelet to hang up.
        try:
            status = StaticPodServerStatusSpec(url=f"http://127.0.0.1:{port}")
            await rt.modify(StaticPodServerStatusSpec, STATUS, lambda _: status)
            async for _ in rt.events():
                await rt.clock.sleep(SETTLE_S)
                await self._update(rt, port)
        finally:
            server.close()
            for client in self._clients:
                client.close()

    async def _update(self, rt: Runtime, port: int) -> None:
        pods = {pod.id: pod.spec.pod for pod in await rt.list(StaticPodSpec)}
        if not self._awaited <= set(pods) and rt.clock.monotonic() < self._patience_until:
            return
        self._awaited = set()
        self._set_answer(_pod_list(pods))
        write_file(rt.env.path(SAVED), json.dumps({"port": port, "pods": pods}).encode(), mode=0o600)

    def _set_answer(self, answer: bytes) -> None:
        if answer != self._answer:
            self._answer = answer
            self._changed.set()
            self._changed = asyncio.Event()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """The kubelet asks again half a second after an answer, on the same connection; the request's content does not
        matter. What it has been told on this connection it is told again only when it changed or HOLD_S passed: a
        change reaches it at once, and without one nobody works twice a second."""
        told: bytes | None = None
        self._clients.add(writer)
        try:
            while (line := await reader.readuntil(b"\r\n\r\n")) and line:
                if told is not None and told == self._answer:
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(HOLD_S):
                            await self._changed.wait()
                writer.write(self._response(line.split(b"\r\n", 1)[0]))
                told = self._answer
                await writer.drain()
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError):
            pass
        finally:
            self._clients.discard(writer)
            writer.close()

    def _response(self, request_line: bytes) -> bytes:
        if not request_line.startswith(b"GET "):
            return _http(405, b"only GET is served here\n", "text/plain")
        if self._answer is None:
            return _http(503, b"the static pods are not rendered yet\n", "text/plain")
        return _http(200, self._answer, "application/json")


def _http(status: int, body: bytes, content_type: str) -> bytes:
    reason = {200: "OK", 405: "Method Not Allowed", 503: "Service Unavailable"}[status]
    head = f"HTTP/1.1 {status} {reason}\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def _pod_list(pods: dict[str, Any]) -> bytes:
    items = [pods[name] for name in sorted(pods)]
    return json.dumps({"apiVersion": "v1", "kind": "PodList", "items": items}).encode()


def _socket(port: int) -> socket.socket:
    """The port of last time, so that the kubelet's URL stays; another one if somebody took it."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
    except OSError:
        listener.bind(("127.0.0.1", 0))
    return listener


def _load(env: NodeEnvironment) -> dict[str, Any]:
    try:
        saved = json.loads(env.path(SAVED).read_bytes())
    except (FileNotFoundError, ValueError):
        return {}
    return saved if isinstance(saved, dict) else {}
