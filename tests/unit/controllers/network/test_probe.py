"""Probes against real sockets, and what they make of the network's status."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from talos.config.patch import apply_patches
from talos.controllers.network.network_status import StatusController
from talos.controllers.network.probe import ProbeController, ProbeError, ask
from talos.controllers.network.probe_config import ProbeConfigController
from talos.controllers.network.probe_merge import ProbeMergeController
from talos.resources.network import HTTPProbeSpec, ProbeSpecSpec, ProbeStatusSpec, StatusSpec, TCPProbeSpec
from talos.state.controller_runtime import ControllerRuntime
from talos.state.watch import EventKind

SECOND = timedelta(seconds=1)


@asynccontextmanager
async def server(answer: bytes, asked: list[bytes] | None = None) -> AsyncIterator[int]:
    """Answers every connection with these bytes. Port."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.read(4096)
        if asked is not None:
            asked.append(request)
        writer.write(answer)
        writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with listening:
        yield listening.sockets[0].getsockname()[1]


def http(port: int, path: str = "/", timeout: timedelta = SECOND, login: str = "") -> ProbeSpecSpec:
    return ProbeSpecSpec(http=HTTPProbeSpec(url=f"http://{login}127.0.0.1:{port}{path}", timeout=timeout))


def tcp(endpoint: str, timeout: timedelta = SECOND) -> ProbeSpecSpec:
    return ProbeSpecSpec(tcp=TCPProbeSpec(endpoint=endpoint, timeout=timeout))


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (b"HTTP/1.1 200 OK", ""),
        (b"HTTP/1.0 204", ""),
        (b"HTTP/1.1 302 Found", ""),
        (b"HTTP/1.1 400 Bad Request", "answered 400 Bad Request"),
        (b"HTTP/1.1 503 Service Unavailable", "answered 503"),
        (b"HTTP/1.1 100 Continue", "answered 100"),
        (b"SSH-2.0-server", "not HTTP"),
        (b"", "closed without an answer"),
        (b"HTTP/1.1 2" + b"0" * 9000, "limit"),
    ],
)
async def test_what_http_answers_count(status: bytes, error: str) -> None:
    async with server(status + (b"\r\n\r\n" if status else b"")) as port:
        if error:
            with pytest.raises(ProbeError, match=error):
                await ask(http(port))
        else:
            await ask(http(port))


async def test_the_request_names_host_path_and_login() -> None:
    asked: list[bytes] = []
    async with server(b"HTTP/1.1 200 OK\r\n\r\n", asked) as port:
        await ask(http(port, "/healthz?full=1", login="me:s%40cret@"))
    head = asked[0].decode().split("\r\n")
    assert head[0] == "GET /healthz?full=1 HTTP/1.1" and f"Host: 127.0.0.1:{port}" in head
    assert "Authorization: Basic bWU6c0BjcmV0" in head


async def test_tcp_wants_somebody_to_accept() -> None:
    async with server(b"") as port:
        await ask(tcp(f"127.0.0.1:{port}"))
    with pytest.raises(ProbeError, match=r"127\.0\.0\.1:\d+: .*refused|Connect call failed"):
        await ask(tcp(f"127.0.0.1:{closed_port()}"))
    with pytest.raises(ProbeError, match=r"^\[::1\]"):
        await ask(tcp(f"[::1]:{closed_port()}"))


async def test_no_answer_ends_with_the_time_given() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        pytest.raises(ProbeError, match=r"no answer within 0\.05 s"),
    ):
        await ask(http(silent.getsockname()[1], timeout=timedelta(seconds=0.05)))


@settings(max_examples=60)
@given(st.binary(max_size=300))
async def test_whatever_a_server_says_is_success_or_a_reason(answer: bytes) -> None:
    async with server(answer) as port:
        try:
            await ask(http(port))
        except ProbeError as error:
            assert str(error).startswith("http://127.0.0.1")
        else:
            assert answer.startswith(b"HTTP/")


DOCUMENTS = """\
apiVersion: v1alpha1
kind: TCPProbeConfig
name: gateway
endpoint: 127.0.0.1:{port}
interval: 10ms
failureThreshold: 3
---
apiVersion: v1alpha1
kind: HTTPProbeConfig
name: mirror
url: http://127.0.0.1:{port}/
interval: 10ms
"""


CONTROLLERS = (ProbeConfigController, ProbeMergeController, ProbeController, StatusController)


async def test_the_network_is_up_when_every_probe_succeeds(node: Any, make_config: Any) -> None:
    config = make_config()
    async with ControllerRuntime(node.state, CONTROLLERS, node.env):
        async with server(b"HTTP/1.1 200 OK\r\n\r\n") as port:
            await node.configure(apply_patches(config, [DOCUMENTS.format(port=port)]))
            for id_ in (f"tcp:127.0.0.1:{port}", f"http:http://127.0.0.1:{port}/"):
                assert (await node.get(ProbeStatusSpec, id_)).success
            await node.get(StatusSpec, "status", lambda spec: spec.connectivity_ready)
        failed = await node.get(ProbeStatusSpec, f"tcp:127.0.0.1:{port}", lambda spec: not spec.success)
        assert str(port) in failed.last_error
        await node.get(StatusSpec, "status", lambda spec: not spec.connectivity_ready)
        watch = node.state.watch(ProbeStatusSpec, f"tcp:127.0.0.1:{port}")
        await node.configure(config)
        async with asyncio.timeout(5), aclosing(watch) as events:
            async for event in events:
                if event.kind is EventKind.DESTROYED:
                    break
    assert await node.state.list(ProbeSpecSpec) == []
