"""A forward proxy, a reverse proxy and a server of one file; any of them over TLS.

One request a connection, so that no request can hide behind the body of another. CONNECT: RFC 9110 9.3.6. What a client
may hold up is bounded: the size of a head, how long it and each wait in a tunnel take, how many connections there are.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from talos.talosctl.airgapped.head import MAX_HEAD, BadRequestError, Head, absolute, authority, parse

MAX_CONNECTIONS = 256
HEAD_S = 10.0
CONNECT_S = 10.0
IDLE_S = 300.0
"""a tunnel in which nothing is said for so long is closed"""
_BLOCK = 64 << 10
_MAX_LINE = 1024

Handler = Callable[["Client", Head], Awaitable[None]]


class Client:
    """Who asks, over one connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.address = str((writer.get_extra_info("peername") or ("unknown",))[0])

    async def answer(self, status: HTTPStatus, text: str = "", kind: str = "text/plain", *, body: bool = True) -> None:
        data = text.encode()
        head = f"HTTP/1.1 {status} {status.phrase}\r\nContent-Type: {kind}\r\nContent-Length: {len(data)}\r\n"
        self.writer.write(f"{head}Connection: close\r\n\r\n".encode() + (data if body else b""))
        await self.writer.drain()


class Server:
    """Takes connections, reads each one's request and lets a handler answer it. say: a line for each request."""

    def __init__(self, handler: Handler, say: Callable[[str], None], *, head_s: float = HEAD_S) -> None:
        self._handler, self._say, self._head_s = handler, say, head_s
        self._open = 0

    async def start(self, host: str, port: int, tls: ssl.SSLContext | None = None) -> asyncio.Server:
        """OSError."""
        more: dict[str, Any] = {"ssl_handshake_timeout": self._head_s} if tls is not None else {}
        return await asyncio.start_server(self._serve, host, port, limit=MAX_HEAD, ssl=tls, **more)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        client = Client(reader, writer)
        self._open += 1
        try:
            # Cancelled when the program ends; asyncio's streams of Python 3.11 would report that as a failure.
            with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
                await self._one(client)
        finally:
            self._open -= 1
            writer.close()
            with contextlib.suppress(OSError, asyncio.CancelledError):
                await writer.wait_closed()

    async def _one(self, client: Client) -> None:
        if self._open > MAX_CONNECTIONS:
            await client.answer(HTTPStatus.SERVICE_UNAVAILABLE, "too many connections\n")
            return
        try:
            async with asyncio.timeout(self._head_s):
                data = await client.reader.readuntil(b"\r\n\r\n")
            head = parse(data)
            self._say(f"{client.address} {head.method} {head.target}")
            await self._handler(client, head)
        except asyncio.LimitOverrunError:
            await client.answer(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, f"more than {MAX_HEAD} bytes\n")
        except BadRequestError as error:
            await client.answer(HTTPStatus.BAD_REQUEST, f"{error}\n")
        except TimeoutError:
            await client.answer(HTTPStatus.REQUEST_TIMEOUT, "nothing came in time\n")


async def forward(client: Client, head: Head) -> None:
    """A forward proxy's answer: a tunnel for CONNECT, else the request passed on."""
    if head.method == "CONNECT":
        host, port = authority(head.target)
        if (server := await _connect(client, host, port)) is None:
            return
        client.writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        await _both_ways(_pump(client.reader, server[1]), _pump(server[0], client.writer), server[1])
        return
    host, port, target = absolute(head.target)
    if (server := await _connect(client, host, port)) is None:
        return
    shown = f"[{host}]" if ":" in host else host
    server[1].write(head.passed_on(target, shown if port == 80 else f"{shown}:{port}"))
    await _exchange(client, head, server)


def reverse(target: str) -> Handler:
    """Passes each request on to a server, below the path of its URL. ValueError: it is no http or https URL."""
    url = urlsplit(target)
    if url.scheme not in ("http", "https") or not url.hostname:
        raise ValueError(f"{target!r} is no http or https URL")
    host, port, base = url.hostname, url.port or (443 if url.scheme == "https" else 80), url.path.rstrip("/")
    tls = ssl.create_default_context() if url.scheme == "https" else None

    async def handle(client: Client, head: Head) -> None:
        if not head.target.startswith("/"):
            raise BadRequestError("this stands for one server: ask for a path")
        if (server := await _connect(client, host, port, tls)) is None:
            return
        name = (head.values("host") or [url.netloc])[0]
        server[1].write(head.passed_on(base + head.target, name, client.address))
        await _exchange(client, head, server)

    return handle


def file(path: str, text: str, kind: str) -> Handler:
    """Serves one file and nothing else."""

    async def handle(client: Client, head: Head) -> None:
        if head.method not in ("GET", "HEAD"):
            await client.answer(HTTPStatus.METHOD_NOT_ALLOWED)
        elif head.target != path:
            await client.answer(HTTPStatus.NOT_FOUND, f"here is {path} and nothing else\n")
        else:
            await client.answer(HTTPStatus.OK, text, kind, body=head.method == "GET")

    return handle


_Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def _connect(client: Client, host: str, port: int, tls: ssl.SSLContext | None = None) -> _Connection | None:
    """None: the client was told that it cannot be reached."""
    try:
        async with asyncio.timeout(CONNECT_S):
            return await asyncio.open_connection(host, port, ssl=tls)
    except (OSError, TimeoutError, UnicodeError) as error:
        why = str(error) or f"no answer within {CONNECT_S:.0f} s"
        await client.answer(HTTPStatus.BAD_GATEWAY, f"{host}:{port} cannot be reached: {why}\n")
        return None


async def _exchange(client: Client, head: Head, server: _Connection) -> None:
    """The body of the request there while the answer comes back: the server may answer before it has it all."""
    await _both_ways(_body(client.reader, head, server[1]), _pump(server[0], client.writer), server[1])


async def _both_ways(there: Awaitable[None], back: Awaitable[None], server: asyncio.StreamWriter) -> None:
    """Until everything came back; what is still on its way there then is of no use to anybody."""
    sending, receiving = asyncio.ensure_future(there), asyncio.ensure_future(back)
    try:
        done, _ = await asyncio.wait((sending, receiving), return_when=asyncio.FIRST_COMPLETED)
        if receiving not in done and sending.exception() is None:
            await asyncio.wait((receiving,))
        sending.cancel()
        receiving.cancel()
        failures = await asyncio.gather(sending, receiving, return_exceptions=True)
        if bad := [failure for failure in failures if isinstance(failure, BadRequestError)]:
            raise bad[0]
    finally:
        sending.cancel()
        receiving.cancel()
        server.close()
        with contextlib.suppress(OSError):
            await server.wait_closed()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Until the end, which is passed on. TimeoutError, OSError."""
    while True:
        async with asyncio.timeout(IDLE_S):
            data = await reader.read(_BLOCK)
            if not data:
                break
            writer.write(data)
            await writer.drain()
    if writer.can_write_eof():
        writer.write_eof()


async def _body(reader: asyncio.StreamReader, head: Head, writer: asyncio.StreamWriter) -> None:
    """One request's, and not a byte more. BadRequestError; the server is left waiting then, and closed."""
    try:
        if not head.chunked:
            await _copy(reader, head.length, writer)
            return
        while True:
            line = await _line(reader)
            size = line.split(b";")[0].strip()
            if not 0 < len(size) <= 8 or not all(byte in b"0123456789abcdefABCDEF" for byte in size):
                raise BadRequestError("a chunk has no size")
            writer.write(line)
            if int(size, 16) == 0:
                break
            await _copy(reader, int(size, 16), writer)
            if await reader.readexactly(2) != b"\r\n":
                raise BadRequestError("a chunk is longer than it says")
            writer.write(b"\r\n")
        while (await _line(reader)) != b"\r\n":
            pass  # trailers are for nobody here
        writer.write(b"\r\n")
        await writer.drain()
    except BaseException:
        writer.transport.abort()
        raise


async def _line(reader: asyncio.StreamReader) -> bytes:
    async with asyncio.timeout(IDLE_S):
        line = await reader.readuntil(b"\r\n")
    if len(line) > _MAX_LINE:
        raise BadRequestError("a chunk's size is longer than any")
    return line


async def _copy(reader: asyncio.StreamReader, length: int, writer: asyncio.StreamWriter) -> None:
    while length > 0:
        async with asyncio.timeout(IDLE_S):
            data = await reader.read(min(length, _BLOCK))
            if not data:
                raise asyncio.IncompleteReadError(b"", length)
            writer.write(data)
            await writer.drain()
        length -= len(data)
