"""The pool of connections against a real server that ends connections at the wrong moment."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import pytest

from talos.kubernetes.errors import ConnectError
from talos.kubernetes.http import Pool

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def pool_of(handler: Handler) -> AsyncIterator[Pool]:
    served: list[asyncio.Task[None]] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with suppress(asyncio.IncompleteReadError):
                await handler(reader, writer)
        finally:
            writer.close()
            await writer.wait_closed()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        served.append(asyncio.ensure_future(serve(reader, writer)))

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    pool = Pool("127.0.0.1", server.sockets[0].getsockname()[1], None)
    try:
        yield pool
    finally:
        pool.close()
        server.close()
        await server.wait_closed()
        await asyncio.gather(*served)


class ClosesOnSecond:
    """Answers the first request of each connection; takes the second one and closes without an answer."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for answer in (OK, b""):
            head = await reader.readuntil(b"\r\n\r\n")
            self.seen.append(head.split()[0].decode())
            writer.write(answer)


@pytest.mark.parametrize("method", ["POST", "PATCH"])
async def test_what_may_have_been_carried_out_is_not_sent_again(method: str) -> None:
    server = ClosesOnSecond()
    async with pool_of(server) as pool:
        await pool.request("GET", "/", {})
        with pytest.raises(ConnectError, match="closed the connection before it answered"):
            await pool.request(method, "/", {})
    assert server.seen == ["GET", method]


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_what_may_be_repeated_is_sent_again(method: str) -> None:
    server = ClosesOnSecond()
    async with pool_of(server) as pool:
        await pool.request("GET", "/", {})
        assert await pool.request(method, "/", {}) == (200, {"content-length": "2"}, b"ok")
    assert server.seen == ["GET", method, method]


async def test_a_post_takes_a_fresh_connection_when_nothing_was_sent() -> None:
    seen: list[str] = []

    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append((await reader.readuntil(b"\r\n\r\n")).split()[0].decode())
        writer.write(OK)
        await reader.read(1)

    async with pool_of(once) as pool:
        await pool.request("GET", "/", {})
        (idle,) = pool._idle
        idle._writer.close()
        idle.alive = lambda: True  # type: ignore[method-assign]  # it is closed between the look and the sending
        assert (await pool.request("POST", "/", {}))[0] == 200
    assert seen == ["GET", "POST"]
