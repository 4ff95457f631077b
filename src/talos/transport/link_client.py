"""The calling end of a link: a process's connection to machined, made anew when it is lost."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import count
from typing import cast

from grpclib.const import Status
from grpclib.metadata import encode_grpc_message

from talos.transport import link_frames as frames
from talos.transport.calls import CallError, Headers, RawHeaders
from talos.transport.link import MAX_CALLS, LinkProtocol, LinkStream

CONNECT_TIMEOUT_S = 10.0
_BEGUN: RawHeaders = [(b":status", b"200")]


class _Caller(LinkProtocol):
    def __init__(self) -> None:
        super().__init__()
        self._ids = count(1)

    def call(self, path: str, metadata: frames.Pairs) -> LinkStream:
        if len(self.calls) >= MAX_CALLS:
            raise CallError(Status.RESOURCE_EXHAUSTED, f"machined has {MAX_CALLS} calls open already")
        stream = LinkStream(self, next(self._ids) & 0xFFFFFFFF)
        stream.opening = frames.call(stream.id, path, metadata)
        if len(stream.opening) > frames.MAX_OPENING_BYTES:
            raise CallError(Status.INTERNAL, "the metadata is too large")
        self.calls[stream.id] = stream
        return stream

    def answered(self, stream: LinkStream) -> None:
        if stream.headers is None:
            stream.headers = cast(Headers, _BEGUN)

    def finished(self, stream: LinkStream, code: int, text: str, metadata: frames.Pairs) -> None:
        stream.status = (code, text, metadata)
        trailers: RawHeaders = [(b"grpc-status", b"%d" % code), (b"grpc-message", encode_grpc_message(text).encode())]
        trailers += [(key.encode(), value.encode()) for key, value in metadata]
        if stream.headers is None:
            stream.headers = cast(Headers, _BEGUN + trailers)
        stream.trailers = cast(Headers, trailers)
        self.calls.pop(stream.id, None)
        stream.inbox.end()

    def over(self, stream: LinkStream) -> None:
        stream.shrink()
        if self.calls.pop(stream.id, None) is not None and self.transport is not None and not stream.opening:
            self.put(frames.frame(frames.RESET, stream.id))


class MachineLink:
    """Where calls of this node go. `path` of machined's unix socket."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._protocol: _Caller | None = None
        self._connecting = asyncio.Lock()

    async def open(self, method: str, metadata: frames.Pairs) -> tuple[LinkStream, Callable[[], None]]:
        """Begin a call, which leaves with its first message or with `start`. The returned function must be called when
        the stream is done with. CallError."""
        protocol = self._protocol
        if protocol is None or protocol.transport is None or protocol.transport.is_closing():
            protocol = await self._connected()
        stream = protocol.call(method, metadata)
        return stream, lambda: protocol.over(stream)

    async def _connected(self) -> _Caller:
        async with self._connecting:
            protocol = self._protocol
            if protocol is not None and protocol.transport is not None and not protocol.transport.is_closing():
                return protocol
            protocol = _Caller()
            try:
                async with asyncio.timeout(CONNECT_TIMEOUT_S):
                    await asyncio.get_running_loop().create_unix_connection(lambda: protocol, self._path)
            except TimeoutError:
                text = f"machined: no connection within {CONNECT_TIMEOUT_S:.0f} s"
                raise CallError(Status.UNAVAILABLE, text) from None
            except OSError as error:
                text = f"machined: cannot connect: {error.strerror or error}"
                raise CallError(Status.UNAVAILABLE, text) from error
            self._protocol = protocol
            return protocol

    def close(self) -> None:
        """End the connection; calls in progress fail with UNAVAILABLE."""
        if self._protocol is not None:
            self._protocol.close()
            self._protocol = None
