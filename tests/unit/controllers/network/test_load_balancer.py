from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator

import pytest

from talos.controllers.network.load_balancer import LoadBalancer


class Backend:
    """Greets with its name, then echoes."""

    def __init__(self, label: str) -> None:
        self.label = label
        self.server: asyncio.Server
        self.writers: list[asyncio.StreamWriter] = []

    async def start(self) -> Backend:
        self.server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    @property
    def address(self) -> tuple[str, int]:
        host, port = self.server.sockets[0].getsockname()
        return host, port

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.append(writer)
        try:
            writer.write(self.label.encode() + b"\n")
            while data := await reader.read(1 << 16):
                writer.write(data)
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()

    def stop(self) -> None:
        self.server.close()
        for writer in self.writers:
            writer.close()


@pytest.fixture
async def backends() -> AsyncIterator[list[Backend]]:
    found = [await Backend("a").start(), await Backend("b").start()]
    yield found
    for backend in found:
        backend.stop()


@pytest.fixture
async def balancer(backends: list[Backend]) -> AsyncIterator[LoadBalancer]:
    found = LoadBalancer()
    found.set_servers([backend.address for backend in backends])
    yield found
    found.close()


async def greet(port: int) -> str:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    label = (await reader.readline()).decode().strip()
    writer.close()
    return label


async def test_connections_go_round(balancer: LoadBalancer) -> None:
    port = await balancer.start("127.0.0.1", 0)
    assert {await greet(port) for _ in range(4)} == {"a", "b"}


async def test_dead_server_costs_nothing(balancer: LoadBalancer, backends: list[Backend]) -> None:
    port = await balancer.start("127.0.0.1", 0)
    backends[0].stop()
    assert [await greet(port) for _ in range(6)] == ["b"] * 6
    assert balancer.healthy


async def test_all_dead_closes_and_says_so(balancer: LoadBalancer, backends: list[Backend]) -> None:
    port = await balancer.start("127.0.0.1", 0)
    for backend in backends:
        backend.stop()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    with contextlib.suppress(ConnectionResetError):
        assert await reader.read() == b""
    writer.close()
    assert not balancer.healthy


async def test_no_servers_closes(balancer: LoadBalancer) -> None:
    balancer.set_servers([])
    port = await balancer.start("127.0.0.1", 0)
    assert await greet(port) == ""


async def test_large_transfer_arrives_whole_both_ways(balancer: LoadBalancer) -> None:
    port = await balancer.start("127.0.0.1", 0)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    await reader.readline()
    payload = bytes(range(256)) * (1 << 14)

    async def send() -> None:
        writer.write(payload)
        await writer.drain()
        writer.write_eof()  # half closed: the echo of what was sent still comes

    sender = asyncio.ensure_future(send())
    received = await reader.read()
    while not received.endswith(payload[-256:]) or len(received) < len(payload):
        more = await reader.read(1 << 20)
        if not more:
            break
        received += more
    await sender
    assert received == payload
    writer.close()


async def test_servers_change_without_cutting_connections(balancer: LoadBalancer, backends: list[Backend]) -> None:
    port = await balancer.start("127.0.0.1", 0)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    label = (await reader.readline()).decode().strip()
    others = [backend for backend in backends if backend.label != label]
    balancer.set_servers([backend.address for backend in others])
    writer.write(b"still there\n")
    assert await reader.readline() == b"still there\n"
    assert await greet(port) == others[0].label
    writer.close()


async def test_health_is_reported_when_it_changes(backends: list[Backend]) -> None:
    changes: list[bool] = []
    changed = asyncio.Event()

    def note() -> None:
        changes.append(balancer.healthy)
        changed.set()

    balancer = LoadBalancer(note)
    balancer.set_servers([backends[0].address])
    checker = asyncio.ensure_future(balancer.check_forever())
    try:
        async with asyncio.timeout(5):
            await changed.wait()
        assert changes == [True]
    finally:
        checker.cancel()
        balancer.close()


def test_local_server_first_known_dead_last() -> None:
    balancer = LoadBalancer()
    balancer.set_servers([("10.5.0.2", 6443), ("10.5.0.3", 6443), ("localhost", 6443)])
    assert balancer.order()[0].host == "localhost"
    balancer.servers[2].healthy = False
    assert balancer.order()[-1].host == "localhost"


async def test_refuses_connections_while_no_server_is_healthy(backends: list[Backend], unused_port: int) -> None:
    changed = asyncio.Event()
    balancer = LoadBalancer(changed.set)
    checker = asyncio.ensure_future(balancer.check_forever())
    try:
        await balancer.listen_while_healthy("127.0.0.1", unused_port)
        with pytest.raises(ConnectionRefusedError):
            await greet(unused_port)
        balancer.set_servers([backends[0].address])
        async with asyncio.timeout(5):
            await changed.wait()
        await balancer.listen_while_healthy("127.0.0.1", unused_port)
        assert await greet(unused_port) == "a"
        backends[0].stop()
        with contextlib.suppress(ConnectionResetError):
            await greet(unused_port)
        await balancer.listen_while_healthy("127.0.0.1", unused_port)
        with pytest.raises(ConnectionRefusedError):
            await greet(unused_port)
    finally:
        checker.cancel()
        balancer.close()


@pytest.fixture
def unused_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
