"""The cancellations of a task around grpclib calls: counted once, never swallowed. The server is a real grpclib one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from grpclib.client import UnaryUnaryMethod
from grpclib.const import Cardinality, Handler
from grpclib.exceptions import StreamTerminatedError
from grpclib.server import Server

from talos.api import common_pb2
from talos.grpc_channel import Channel

PATH = "/test.Silent/Ask"


class Silent:
    """Never answers."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()

    def __mapping__(self) -> dict[str, Handler]:
        return {PATH: Handler(self._ask, Cardinality.UNARY_UNARY, common_pb2.Empty, common_pb2.Empty)}

    async def _ask(self, _stream: Any) -> None:
        self.asked.set()
        await asyncio.Event().wait()


@asynccontextmanager
async def silent_server(path: Path) -> AsyncIterator[tuple[Silent, Channel]]:
    handler = Silent()
    server = Server([handler])
    await server.start(path=str(path))
    channel = Channel(path=str(path))
    try:
        yield handler, channel
    finally:
        channel.close()
        server.close()
        await server.wait_closed()


async def ask(channel: Channel, timeout_s: float | None = None) -> None:
    method: Any = UnaryUnaryMethod(channel, PATH, common_pb2.Empty, common_pb2.Empty)
    await method(common_pb2.Empty(), timeout=timeout_s)


async def test_a_lost_connection_leaves_no_cancellation_behind(tmp_path: Path) -> None:
    async with silent_server(tmp_path / "s") as (handler, channel):
        call = asyncio.ensure_future(_lost_and_counted(channel))
        await handler.asked.wait()
        channel.close()
        assert await call == 0


async def _lost_and_counted(channel: Channel) -> int:
    with pytest.raises(StreamTerminatedError):
        await ask(channel)
    task = asyncio.current_task()
    assert task is not None
    return task.cancelling()


async def test_a_timeout_around_a_lost_call_still_ends_in_timeout_error(tmp_path: Path) -> None:
    """The command that waits for a rebooting node: calls are lost on the way, then the time is over."""
    async with silent_server(tmp_path / "s") as (handler, channel):
        asyncio.get_running_loop().create_task(_close_when_asked(handler, channel))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                with pytest.raises(StreamTerminatedError):
                    await ask(channel)
                await asyncio.Event().wait()


async def _close_when_asked(handler: Silent, channel: Channel) -> None:
    await handler.asked.wait()
    channel.close()


async def test_a_deadline_leaves_no_cancellation_behind(tmp_path: Path) -> None:
    async with silent_server(tmp_path / "s") as (_handler, channel):
        with pytest.raises(TimeoutError):
            await ask(channel, 0.01)
        task = asyncio.current_task()
        assert task is not None
        assert task.cancelling() == 0


async def test_a_cancellation_in_the_moment_of_the_loss_is_kept(tmp_path: Path) -> None:
    """With grpclib's own channel the task would go on, and whoever waits for its end would wait for ever."""
    async with silent_server(tmp_path / "s") as (handler, channel):
        call = asyncio.ensure_future(ask(channel))
        await handler.asked.wait()
        channel.close()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
