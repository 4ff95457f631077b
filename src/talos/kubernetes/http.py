"""HTTP/1.1 over asyncio streams with h11, and the pool that keeps connections between requests.

HTTP/2 would need one connection only, but the watch of a broken peer then blocks every other call behind one TCP
stream, and a codec in pure Python for it costs ten times h11's memory.

A request that breaks on a connection used before is sent again on a fresh one, since a server closes idle connections
at any time, but only if repeating it cannot carry it out twice: idempotent methods (RFC 9110 9.2.2), or nothing sent.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Mapping
from types import TracebackType
from typing import TYPE_CHECKING

from talos.at_first_use import at_first_use
from talos.kubernetes.errors import ConnectError

if TYPE_CHECKING:
    import h11
else:
    h11 = at_first_use("h11")

CONNECT_TIMEOUT_S = 5.0
READ_SIZE = 65536
_IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})


class Connection:
    """One TCP connection and the HTTP state on it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._h11 = h11.Connection(h11.CLIENT)
        self.used = False
        self.written = False
        """part of the current request may have reached the server"""

    async def send(self, request: h11.Request, body: bytes) -> None:
        data = self._h11.send(request) or b""
        if body:
            data += self._h11.send(h11.Data(data=body)) or b""
        data += self._h11.send(h11.EndOfMessage()) or b""
        if self._writer.is_closing() or self._reader.at_eof():
            raise ConnectionResetError("the server closed the idle connection")
        self.written = True
        self._writer.write(data)
        await self._writer.drain()

    async def next_event(self) -> h11.Response | h11.Data | h11.EndOfMessage:
        while True:
            event = self._h11.next_event()
            if event is h11.NEED_DATA:
                data = await self._reader.read(READ_SIZE)
                if not data and self._h11.their_state is h11.SEND_RESPONSE:
                    raise ConnectionResetError("the server closed the connection before it answered")
                self._h11.receive_data(data)
            elif isinstance(event, h11.Response | h11.Data | h11.EndOfMessage):
                return event
            elif isinstance(event, h11.ConnectionClosed) or event is h11.PAUSED:
                raise ConnectionResetError("the server closed the connection")

    def reusable(self) -> bool:
        """Ready for the next request after a complete response."""
        if self._h11.our_state is not h11.DONE or self._h11.their_state is not h11.DONE or self._reader.at_eof():
            return False
        self._h11.start_next_cycle()
        self.used, self.written = True, False
        return True

    def alive(self) -> bool:
        return not (self._reader.at_eof() or self._writer.is_closing())

    def close(self) -> None:
        self._writer.close()


class Response:
    """Status and body of an answer; read it whole or iterate over its chunks, inside ``async with``."""

    def __init__(self, pool: Pool, connection: Connection, head: h11.Response) -> None:
        self._pool = pool
        self._connection: Connection | None = connection
        self.status = head.status_code
        self.headers = {k.decode().lower(): v.decode("latin-1") for k, v in head.headers}

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body, as it arrives."""
        connection = self._connection
        if connection is None:
            return
        try:
            while not isinstance(event := await connection.next_event(), h11.EndOfMessage):
                if isinstance(event, h11.Data):
                    yield bytes(event.data)
        except (OSError, h11.RemoteProtocolError, asyncio.IncompleteReadError) as error:
            raise ConnectError(f"{self._pool.origin}: the answer broke off: {error}") from error
        self._connection = None
        self._pool.release(connection)

    async def read(self) -> bytes:
        """The whole body."""
        return b"".join([chunk async for chunk in self.chunks()])

    async def __aenter__(self) -> Response:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class Pool:
    """Connections to one origin. ``limit`` bounds how many requests run at once; watches do not count."""

    def __init__(
        self, host: str, port: int, context: ssl.SSLContext | None, *, server_name: str = "", limit: int = 16
    ) -> None:
        self.host = host
        self.port = port
        self._context = context
        self._server_name = server_name or host
        self._idle: list[Connection] = []
        self._limit = asyncio.Semaphore(limit)
        self._closed = False

    @property
    def origin(self) -> str:
        """``host:port`` for messages."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    async def request(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes = b"", *, timeout_s: float | None = 30.0
    ) -> tuple[int, dict[str, str], bytes]:
        """Send a request and read the whole answer: status, headers, body. Raises ConnectError."""
        async with self._limit:
            try:
                async with asyncio.timeout(timeout_s):
                    response = await self._open(method, target, headers, body)
                    async with response:
                        return response.status, response.headers, await response.read()
            except TimeoutError as error:
                raise ConnectError(f"{self.origin}: no answer to {method} {target} within {timeout_s} s") from error

    async def stream(self, target: str, headers: Mapping[str, str]) -> Response:
        """GET whose body goes on without end (a watch). The caller leaves it by ``async with``."""
        return await self._open("GET", target, headers, b"")

    async def _open(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Response:
        host = self.origin
        lines = [("host", host), *headers.items()]
        if body or method in ("POST", "PUT", "PATCH"):
            lines.append(("content-length", str(len(body))))
        request = h11.Request(method=method, target=target, headers=lines)
        while True:
            connection = self._take() or await self._connect()
            try:
                await connection.send(request, body)
                head = await connection.next_event()
                if not isinstance(head, h11.Response):
                    raise ConnectionResetError("no response")
                return Response(self, connection, head)
            except (OSError, h11.ProtocolError, asyncio.IncompleteReadError) as error:
                connection.close()
                if connection.used and (method in _IDEMPOTENT or not connection.written):
                    continue
                raise ConnectError(f"{host}: {error or type(error).__name__}") from error
            except BaseException:
                connection.close()
                raise

    def _take(self) -> Connection | None:
        while self._idle:
            connection = self._idle.pop()
            if connection.alive():
                return connection
            connection.close()
        return None

    async def _connect(self) -> Connection:
        if self._closed:
            raise ConnectError(f"{self.origin}: the client is closed")
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                reader, writer = await asyncio.open_connection(
                    self.host,
                    self.port,
                    ssl=self._context,
                    server_hostname=self._server_name if self._context else None,
                    limit=1 << 20,
                )
        except TimeoutError as error:
            raise ConnectError(f"{self.origin}: no connection within {CONNECT_TIMEOUT_S} s") from error
        except OSError as error:
            raise ConnectError(f"{self.origin}: {error}") from error
        return Connection(reader, writer)

    def release(self, connection: Connection) -> None:
        """Give a connection back after a complete answer."""
        with contextlib.suppress(h11.ProtocolError):
            if not self._closed and connection.reusable():
                self._idle.append(connection)
                return
        connection.close()

    def close(self) -> None:
        """Close the idle connections; requests under way finish."""
        self._closed = True
        while self._idle:
            self._idle.pop().close()
