"""Connections to where calls are served: machined of this node, or the apid of another.

A target keeps up to sixteen connections, because a server takes a limited number of streams on one and `logs -f`
holds its stream for hours: the next call goes to the first connection with room. A connection that nobody used for a
minute is closed. Nothing here waits without a bound: connecting has a deadline, a dead host is noticed by the
kernel's TCP_USER_TIMEOUT, a peer that closes ends its calls with UNAVAILABLE.
"""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from collections.abc import Callable

from grpclib.const import Status
from grpclib.protocol import AbstractHandler, Stream

from talos.client.keepalive import watch_for_death
from talos.transport.calls import CallError, Headers
from talos.transport.http2 import MAX_STREAMS, RawProtocol, RawStream

CONNECT_TIMEOUT_S = 10.0
IDLE_S = 60.0
MAX_CONNECTIONS = 16


class _Caller(AbstractHandler):
    lost = False

    def accept(self, stream: Stream, headers: Headers, release_stream: Callable[[], None]) -> None:
        raise NotImplementedError("a server does not call")

    def cancel(self, stream: Stream) -> None:
        """The stream's own inbox has the failure."""

    def close(self) -> None:
        self.lost = True


class Upstream:
    """Where calls go: `path` of a unix socket, or host and port with a TLS context."""

    def __init__(
        self,
        name: str,
        *,
        path: str | None = None,
        host: str = "",
        port: int = 0,
        context: ssl.SSLContext | None = None,
    ) -> None:
        self.name = name
        self._path = path
        self._address = (host, port)
        self._context = context
        self._protocols: list[RawProtocol] = []
        self._connecting = asyncio.Lock()
        self._idle: asyncio.TimerHandle | None = None
        authority = "localhost" if path else (f"[{host}]:{port}" if ":" in host else f"{host}:{port}")
        self._base: Headers = [
            (":method", "POST"),
            (":scheme", "https" if context else "http"),
            (":authority", authority),
            ("te", "trailers"),
            ("content-type", "application/grpc"),
        ]

    def _roomy(self) -> RawProtocol | None:
        self._protocols = [p for p in self._protocols if not p.handler.lost and not p.connection.is_closing()]  # type: ignore[attr-defined]
        for protocol in self._protocols:
            limit = min(MAX_STREAMS, protocol.connection._connection.remote_settings.max_concurrent_streams)
            if protocol.connection.open_streams < limit:
                return protocol
        return None

    async def _connected(self) -> RawProtocol:
        found = self._roomy()
        if found is not None:
            return found
        async with self._connecting:
            found = self._roomy()
            if found is not None:
                return found
            if len(self._protocols) >= MAX_CONNECTIONS:
                raise CallError(
                    Status.RESOURCE_EXHAUSTED, f"{self.name} has {MAX_CONNECTIONS * MAX_STREAMS} calls open already"
                )
            try:
                async with asyncio.timeout(CONNECT_TIMEOUT_S):
                    protocol = await self._connect()
            except TimeoutError:
                raise CallError(
                    Status.UNAVAILABLE, f"{self.name}: no connection within {CONNECT_TIMEOUT_S:.0f} s"
                ) from None
            except ssl.SSLError as error:
                raise CallError(Status.UNAVAILABLE, f"{self.name}: TLS handshake failed: {_reason(error)}") from error
            except OSError as error:
                raise CallError(Status.UNAVAILABLE, f"{self.name}: cannot connect: {_reason(error)}") from error
            self._protocols.append(protocol)
            return protocol

    async def _connect(self) -> RawProtocol:
        loop = asyncio.get_running_loop()
        if self._path is not None:
            _, protocol = await loop.create_unix_connection(lambda: RawProtocol(_Caller(), client=True), self._path)
            return protocol
        host, port = self._address
        transport, protocol = await loop.create_connection(
            lambda: RawProtocol(_Caller(), client=True),
            host,
            port,
            ssl=self._context,
            ssl_handshake_timeout=CONNECT_TIMEOUT_S,
        )
        watch_for_death(transport.get_extra_info("socket"))
        return protocol

    async def open(self, method: str, metadata: Headers) -> tuple[RawStream, Callable[[], None]]:
        """Begin a call. The returned function must be called when the stream is done with."""
        protocol = await self._connected()
        stream = protocol.connection.create_stream()
        release = await stream.send_request(
            [*self._base[:2], (":path", method), *self._base[2:], *metadata], _processor=protocol.processor
        )
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None

        def done() -> None:
            stream.shrink()
            stream.abandon()
            release()
            if self._idle is None and not any(p.connection.open_streams for p in self._protocols):
                self._idle = asyncio.get_running_loop().call_later(IDLE_S, self._close_idle)

        return stream, done

    def _close_idle(self) -> None:
        self._idle = None
        for protocol in [p for p in self._protocols if not p.connection.open_streams]:
            self._protocols.remove(protocol)
            protocol.processor.close("idle")

    @property
    def unused(self) -> bool:
        """No connection is open."""
        return self._roomy() is None and not self._protocols

    def close(self) -> None:
        """End every connection; calls in progress fail with UNAVAILABLE."""
        if self._idle is not None:
            self._idle.cancel()
        for protocol in self._protocols:
            protocol.processor.close("closing")
        self._protocols.clear()


def _reason(error: OSError) -> str:
    said = getattr(error, "verify_message", "") or getattr(error, "reason", "")
    if not said and error.errno and not isinstance(error, socket.gaierror):
        said = os.strerror(error.errno)  # asyncio's own text says only which call failed
    return str(said or error.strerror or error)
