"""The kubelet's question is answered at once when it can learn something, and held back when it cannot."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from talos.controllers.k8s.static_pod_server import StaticPodServerController

QUESTION = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


class Kubelet:
    """One connection that stays open."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def ask(self) -> tuple[int, bytes]:
        self.writer.write(QUESTION)
        head = await self.reader.readuntil(b"\r\n\r\n")
        length = int(head.partition(b"Content-Length: ")[2].partition(b"\r\n")[0])
        return int(head.split()[1]), await self.reader.readexactly(length)


@pytest.fixture
def controller() -> StaticPodServerController:
    return StaticPodServerController()


@pytest.fixture
async def port(controller: StaticPodServerController) -> AsyncIterator[int]:
    handlers: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(controller._serve(reader, writer))
        handlers.add(task)
        await asyncio.gather(task, return_exceptions=True)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    server.close()
    for task in handlers:
        task.cancel()
    await asyncio.gather(*handlers, return_exceptions=True)


async def connect(port: int) -> Kubelet:
    return Kubelet(*await asyncio.open_connection("127.0.0.1", port))


async def test_a_change_ends_the_wait_and_a_new_connection_never_waits(
    controller: StaticPodServerController, port: int
) -> None:
    async with asyncio.timeout(5):
        kubelet = await connect(port)
        assert (await kubelet.ask())[0] == 503
        controller._set_answer(b"[1]")
        assert await kubelet.ask() == (200, b"[1]")
        held = asyncio.ensure_future(kubelet.ask())
        other = await connect(port)
        assert await other.ask() == (200, b"[1]")
        assert not held.done()
        controller._set_answer(b"[2]")
        assert await held == (200, b"[2]")
        for each in (kubelet, other):
            each.writer.close()


async def test_an_unchanged_list_is_repeated_before_the_kubelet_gives_up(
    controller: StaticPodServerController, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("talos.controllers.k8s.static_pod_server.HOLD_S", 0.02)
    controller._set_answer(b"[1]")
    kubelet = await connect(port)
    async with asyncio.timeout(5):
        assert [await kubelet.ask() for _ in range(3)] == [(200, b"[1]")] * 3
    kubelet.writer.close()
