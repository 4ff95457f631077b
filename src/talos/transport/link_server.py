"""The serving end of a link: machined's methods for apid and its state for every process, from tables as grpclib's
server reads them.

Handlers see a stream with what of grpclib's they use, so that each is written once.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import struct
from collections.abc import Mapping
from typing import Any

from google.protobuf.message import Message
from grpclib import GRPCError
from grpclib.const import Handler, Status
from grpclib.exceptions import ProtocolError
from grpclib.metadata import Deadline, decode_timeout
from multidict import MultiDict

from talos.transport import link_frames as frames
from talos.transport.arrivals import begin
from talos.transport.calls import CallError
from talos.transport.link import MAX_CALLS, LinkProtocol, LinkStream

log = logging.getLogger("transport")
_FAILED = "Internal Server Error"


class ServedStream:
    """A call as its handler sees it (grpclib.server.Stream)."""

    def __init__(self, raw: LinkStream, handler: Handler, metadata: frames.Pairs) -> None:
        self.raw = raw
        self.handler = handler
        self.metadata: MultiDict[str] = MultiDict(metadata)
        self.user_agent = self.metadata.pop("user-agent", None)
        timeout = self.metadata.pop("grpc-timeout", None)
        self.timeout = None if timeout is None else decode_timeout(timeout)
        self.deadline = None if self.timeout is None else Deadline.from_timeout(self.timeout)
        self.answered = False
        self.ended = False
        self._held = b""

    @property
    def user(self) -> int:
        """User id of the calling process, as the kernel says it (SO_PEERCRED, unix(7))."""
        return self.raw.link.user

    @property
    def transport(self) -> asyncio.Transport | None:
        """Of the connection, which other calls share."""
        return self.raw.link.transport

    async def recv_message(self) -> Any:
        """The next request; None at the end."""
        data = await self.raw.inbox.message()
        return None if data is None else self.handler.request_type.FromString(data)

    def __aiter__(self) -> ServedStream:
        return self

    async def __anext__(self) -> Any:
        message = await self.recv_message()
        if message is None:
            raise StopAsyncIteration
        return message

    async def send_initial_metadata(self) -> None:
        """Tell the caller that the call is being answered."""
        self.raw.link.put(frames.frame(frames.BEGUN, self.raw.id))

    async def send_message(self, message: Message) -> None:
        """Send one answer."""
        data = message.SerializeToString()
        if len(data) > frames.MAX_PAYLOAD_BYTES:
            text = f"message of {len(data)} bytes is larger than the limit of {frames.MAX_PAYLOAD_BYTES}"
            raise GRPCError(Status.RESOURCE_EXHAUSTED, text)
        self.answered = True
        if not self.handler.cardinality.server_streaming:
            self._held = frames.frame(frames.MESSAGE, self.raw.id, data)  # leaves with its status
            return
        try:
            await self.raw.send_message(data)
        except CallError:  # the task is being cancelled for it
            raise asyncio.CancelledError from None

    async def send_trailing_metadata(
        self,
        *,
        status: Status = Status.OK,
        status_message: str | None = None,
        status_details: Any = None,
        metadata: Any = (),
    ) -> None:
        """End the call."""
        if self.ended:
            raise ProtocolError("Trailing metadata was already sent")
        if status is Status.OK and not self.answered and not self.handler.cardinality.server_streaming:
            raise ProtocolError("Unary response with OK status requires a single message to be sent")
        self.end(status, status_message or "", list(metadata))

    def end(self, status: Status, text: str, metadata: frames.Pairs) -> None:
        """End the call, unless it has ended."""
        if not self.ended:
            self.ended = True
            answer = self._held if status is Status.OK else b""
            self.raw.link.put(answer + frames.status(self.raw.id, status.value, text, metadata), last=True)


class _Served(LinkProtocol):
    def __init__(self, server: LinkServer) -> None:
        super().__init__()
        self._server = server
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._opened: list[ServedStream] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        sock = transport.get_extra_info("socket")
        _, uid, _ = struct.unpack("3i", sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i")))
        if self._server.users is not None and uid not in self._server.users:
            log.warning("refused connection of user %d to a socket that is not theirs", uid)
            transport.close()
            return
        self.user = uid
        super().connection_made(transport)
        self._server.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._server.connections.discard(self)

    def opened(self, id: int, path: str, metadata: frames.Pairs) -> None:
        handler = self._server.table.get(path)
        if handler is None:
            self.put(frames.status(id, Status.UNIMPLEMENTED.value, self._unknown(path), []))
            return
        if len(self.calls) >= MAX_CALLS:
            self.put(frames.status(id, Status.RESOURCE_EXHAUSTED.value, f"{MAX_CALLS} calls are open already", []))
            return
        raw = self.calls[id] = LinkStream(self, id)
        try:
            stream = ServedStream(raw, handler, metadata)
        except ValueError as error:
            raise frames.LinkError(f"unreadable metadata: {error}") from error
        self._opened.append(stream)

    def _unknown(self, path: str) -> str:
        """In the words of gRPC servers in Go, which clients know."""
        service, _, method = path.removeprefix("/").rpartition("/")
        if not service:
            return f'malformed method name: "{path}"'
        if any(known.startswith(f"/{service}/") for known in self._server.table):
            return f"unknown method {method} for service {service}"
        return f"unknown service {service}"

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        opened, self._opened = self._opened, []
        for stream in opened:
            id = stream.raw.id
            if id not in self.calls:  # reset behind its opening, or the connection is closed
                continue
            task = begin(self._serve(stream))
            if not task.done():
                self._tasks[id] = task
                task.add_done_callback(lambda _, id=id: self._tasks.pop(id, None))  # type: ignore[misc]

    async def _serve(self, stream: ServedStream) -> None:
        status, text = Status.UNKNOWN, _FAILED
        try:
            async with asyncio.timeout(stream.timeout):
                await stream.handler.func(stream)
            if stream.answered or stream.handler.cardinality.server_streaming:
                status, text = Status.OK, ""
        except GRPCError as error:
            status, text = error.status, error.message or ""
        except TimeoutError:
            if stream.deadline is not None and stream.deadline.time_remaining() <= 0:
                status, text = Status.DEADLINE_EXCEEDED, "context deadline exceeded"
        except CallError as error:
            status, text = error.status, error.text
        except Exception:
            log.exception("a handler failed")
        finally:
            stream.raw.shrink()
            if stream.raw.id in self.calls:
                stream.end(status, text, [])
                del self.calls[stream.raw.id]

    def lost(self, stream: LinkStream) -> None:
        stream.shrink()
        self.calls.pop(stream.id, None)
        super().lost(stream)
        task = self._tasks.get(stream.id)
        if task is not None:
            task.cancel()


class LinkServer:
    """`async with` is not needed: `start`, then `close` and `wait_closed`, as grpclib's server."""

    def __init__(self, table: Mapping[str, Handler], users: frozenset[int] | None = frozenset()) -> None:
        """`users`: who may connect, beside root and the process's own user; None: everybody, the handlers decide."""
        self.table = table
        self.users = None if users is None else users | {0, os.geteuid()}
        self.connections: set[_Served] = set()
        self._server: asyncio.Server | None = None

    async def start(self, path: str) -> None:
        """Listen on a unix socket. OSError."""
        self._server = await asyncio.get_running_loop().create_unix_server(lambda: _Served(self), path)

    def close(self) -> None:
        """Stop listening, cancel all calls, close all connections."""
        if self._server is not None:
            self._server.close()
        for connection in list(self.connections):
            connection.close()

    async def wait_closed(self) -> None:
        """Until that has happened."""
        if self._server is not None:
            await self._server.wait_closed()
