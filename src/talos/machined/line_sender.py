"""Lines to a destination of logs: over TCP each ends with a newline, over UDP each is a datagram."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from urllib.parse import urlsplit

from talos.client.keepalive import watch_for_death

CONNECT_S = 10.0


async def send_lines(url: str, batches: AsyncGenerator[list[bytes], None]) -> None:
    """To tcp://HOST:PORT or udp://HOST:PORT, until the connection ends; then the batches are closed.

    OSError, TimeoutError."""
    parts = urlsplit(url)
    send = _over_udp if parts.scheme == "udp" else _over_tcp
    await send(str(parts.hostname), int(parts.port or 0), batches)


async def _over_tcp(host: str, port: int, batches: AsyncGenerator[list[bytes], None]) -> None:
    """Until the connection ends. OSError, TimeoutError."""
    async with asyncio.timeout(CONNECT_S):
        incoming, outgoing = await asyncio.open_connection(host, port)
    watch_for_death(outgoing.get_extra_info("socket"))
    # A destination says nothing; that it closes is read here, and is otherwise seen two writes later.
    ended = asyncio.ensure_future(incoming.read(1))
    following: asyncio.Future[list[bytes]] = ended.get_loop().create_future()
    try:
        while True:
            following = asyncio.ensure_future(anext(batches))
            await asyncio.wait((following, ended), return_when=asyncio.FIRST_COMPLETED)
            if ended.done():
                raise ConnectionResetError("the destination closed the connection")
            outgoing.write(b"".join(line + b"\n" for line in following.result()))
            await outgoing.drain()
    finally:
        # In this order: whoever cancels us may do so below, and a generator that still runs cannot be closed.
        outgoing.close()
        for task in (ended, following):
            task.cancel()
        await asyncio.gather(ended, following, return_exceptions=True)
        await batches.aclose()


async def _over_udp(host: str, port: int, batches: AsyncGenerator[list[bytes], None]) -> None:
    """For ever. OSError."""
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(asyncio.DatagramProtocol, remote_addr=(host, port))
    try:
        async with aclosing(batches):
            async for batch in batches:
                for line in batch:
                    transport.sendto(line + b"\n")
    finally:
        transport.close()
