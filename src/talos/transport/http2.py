"""HTTP/2 streams that carry gRPC messages as bytes, the same class for the accepting and the calling side.

Built on grpclib's protocol layer (h2 below it), but not on its Server and Channel, which decode messages, know only
registered methods and hang in three places that a proxy meets: a write to a peer that vanished while its window was
closed, an empty DATA frame in the middle of a message, and a call on a connection whose stream limit is reached.

Windows: one stream may hold 512 KiB, a connection as many streams as it may have. With grpclib's defaults, where both
are 4 MiB, one reader that does not read stops every other call of the same connection.
"""

from __future__ import annotations

import asyncio
import logging
import struct
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, cast

from grpclib.config import Configuration
from grpclib.const import Status
from grpclib.metadata import decode_grpc_message
from grpclib.protocol import AbstractHandler, Connection, EventsProcessor, H2Protocol, Stream, _set_nodelay
from h2.config import H2Configuration
from h2.errors import ErrorCodes
from h2.exceptions import ProtocolError
from h2.settings import SettingCodes, Settings
from h2.stream import StreamInputs

from talos.grpc_channel import no_frame_texts
from talos.transport.arrivals import Arrivals
from talos.transport.calls import (
    FIRST_WINDOW_BYTES,
    MAX_GROWN,
    STREAM_WINDOW_BYTES,
    CallError,
    Headers,
)
from talos.transport.header_block import RememberingDecoder, literals
from talos.transport.quick_connection import QuickConnection

log = logging.getLogger("transport")
no_frame_texts()

MAX_MESSAGE_BYTES = 32 << 20
MAX_INFLATED_BYTES = 4 << 20
MAX_STREAMS = 100
MAX_FRAME_BYTES = 64 << 10
MAX_WRITE_BACKLOG_BYTES = 8 << 20
MAX_REQUEST_BYTES = 96 << 20
"""of all requests that are being received at one time: three of the largest that there are"""
MAX_RESETS = 1000
"""Streams a peer may open and reset on one connection before it is taken for a rapid reset attack."""

_FRAME = struct.Struct(">HBBBI")
"""header of a frame (RFC 9113, 4.1): length in 16 + 8 bits, type, flags, stream"""
_DATA, _HEADERS = 0, 1
_END_STREAM, _END_HEADERS = 0x1, 0x4


class Budget:
    """Bytes that requests in progress may hold in this process, all callers together.

    The windows alone allow 512 KiB for each of 100 streams of each of 400 connections, and a message may be 32 MiB.
    """

    __slots__ = ("limit", "used")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.used = 0


REQUESTS = Budget(MAX_REQUEST_BYTES)


class Inbox(Arrivals):
    """Received bytes of one stream, taken out as gRPC messages.

    Bytes are acknowledged to the sender when they are taken out, not when they arrive: that is the back pressure.
    """

    def __init__(self, acknowledge: Callable[[int], None], budget: Budget | None = None) -> None:
        super().__init__()
        self._acknowledge = acknowledge
        self._budget = budget
        self._held = 0
        self._chunks: deque[tuple[bytes, int]] = deque()
        self._partial = bytearray()
        self.encoding = ""
        """grpc-encoding of the messages that are marked as compressed"""

    # names of grpclib's Buffer, which calls them
    def add(self, data: bytes, ack_size: int) -> None:
        budget = self._budget
        if budget is not None:
            if budget.used + len(data) > budget.limit:
                self._overrun(ack_size)
                return
            self._held += len(data)
            budget.used += len(data)
        self._chunks.append((data, ack_size))
        self.poke()

    def _overrun(self, ack_size: int) -> None:
        for size in (*(size for _, size in self._chunks), ack_size):
            if size:
                self._acknowledge(size)
        self.discard()
        self._failure = CallError(Status.RESOURCE_EXHAUSTED, "too many large requests at once: try again")
        self.poke()

    def _release(self, size: int) -> None:
        if self._budget is not None:
            self._held -= size
            self._budget.used -= size

    def discard(self) -> None:
        """Forget what was received and not taken out; nothing that comes later is kept either."""
        self._release(self._held)
        self._chunks.clear()
        self._partial.clear()
        if self._budget is not None:
            self._budget = Budget(0)

    def eof(self) -> None:
        self._ended = True
        self.poke()

    def unacked_size(self) -> int:
        return sum(size for _, size in self._chunks)

    @property
    def ended(self) -> bool:
        """The peer has closed its side and everything was taken out."""
        return self._ended and not self._chunks and not self._partial

    @property
    def idle(self) -> bool:
        """Nothing to take out now: `message` would wait."""
        return not self._chunks and not self._ended and self._failure is None

    async def message(self, limit: int = MAX_MESSAGE_BYTES) -> bytes | None:
        """The next message without its five byte prefix; None at the end. CallError if it is cut off or too large."""
        need = 5
        while True:
            have = len(self._partial)
            if have >= 5:
                need = 5 + int.from_bytes(self._partial[1:5], "big")
                if self._partial[0] != 0 and self.encoding != "gzip":
                    raise CallError(Status.UNIMPLEMENTED, "compressed, but not by gzip: use gzip or none")
                if need - 5 > limit:
                    raise CallError(
                        Status.RESOURCE_EXHAUSTED, f"message of {need - 5} bytes is larger than the limit of {limit}"
                    )
                if have >= need:
                    found = bytes(self._partial[5:need])
                    compressed = self._partial[0] != 0
                    del self._partial[:need]
                    self._release(need)
                    return inflated(found) if compressed else found
            if self._chunks:
                data, size = self._chunks.popleft()
                if size:
                    self._acknowledge(size)
                self._partial += data
            elif self._ended:
                if have:
                    raise CallError(Status.INTERNAL, "unexpected EOF: the stream ended inside a message")
                return None
            elif self._failure is not None:
                raise self._failure
            else:
                await self.wait()


def inflated(data: bytes) -> bytes:
    """A gzip member (RFC 1952) as it was. CallError. It may become less than what a message may be: a thousandth is
    enough to send, and that is not worth 32 MiB of memory."""
    import zlib

    stream = zlib.decompressobj(zlib.MAX_WBITS | 16)
    try:
        found = stream.decompress(data, MAX_INFLATED_BYTES + 1)
    except zlib.error as error:
        raise CallError(Status.INTERNAL, f"the message is marked as gzip and is none: {error}") from error
    if len(found) > MAX_INFLATED_BYTES:
        text = f"a compressed message of more than {MAX_INFLATED_BYTES} bytes: send it as it is"
        raise CallError(Status.RESOURCE_EXHAUSTED, text)
    if not stream.eof:
        raise CallError(Status.INTERNAL, "the message is marked as gzip and is cut off")
    return found


class _Poke:
    """In place of the event that grpclib sets when response headers arrive."""

    def __init__(self, inbox: Inbox) -> None:
        self.set = inbox.poke


class RawStream(Stream):
    """One call. `inbox` holds what the other side sent; sends raise CallError once the other side is gone."""

    inbox: Inbox
    connection: RawConnection
    failure: CallError | None = None
    grown = 0
    """of all streams of this process: those with the large window"""
    _read = 0
    _grown = False

    def init_stream(self, stream_id: int, connection: Connection) -> None:
        super().init_stream(stream_id, connection)
        # Requests only: what this node itself asked for is bounded by the windows of a few connections.
        budget = None if connection._connection.config.client_side else REQUESTS
        acknowledge = partial(connection.ack, stream_id)
        if budget is None:
            acknowledge = partial(self._acknowledge_and_grow, connection)
        self.buffer = cast(Any, Inbox(acknowledge, budget))
        self.inbox = cast(Inbox, self.buffer)
        self.headers_received = cast(Any, _Poke(self.inbox))  # response headers wake whoever waits for the answer

    def _acknowledge_and_grow(self, connection: Connection, size: int) -> None:
        connection.ack(cast(int, self.id), size)
        self._read += size
        if self._read > 2 * FIRST_WINDOW_BYTES and not self._grown and RawStream.grown < MAX_GROWN:
            self._grown = True
            RawStream.grown += 1
            with suppress(ProtocolError):  # it ended meanwhile
                connection._connection.increment_flow_control_window(
                    STREAM_WINDOW_BYTES - FIRST_WINDOW_BYTES, cast(int, self.id)
                )

    def shrink(self) -> None:
        """The answer is over, or nobody wants it: another may have a large window."""
        if self._grown:
            self._grown = False
            self._read = 0
            RawStream.grown -= 1

    def __terminated__(self, reason: str) -> None:
        self.failure = CallError(Status.UNAVAILABLE, reason)
        self.inbox.fail(self.failure)
        self.window_updated.set()  # wakes a sender, which then sees the failure

    async def _writable(self) -> None:
        connection = self.connection
        if not connection.write_ready.is_set():
            await connection.write_ready.wait()
        if self.failure is not None:
            raise self.failure

    async def send_message(self, payload: bytes, end: bool = False, trailers: Headers | None = None) -> None:
        """Send one message, waiting for the peer's window; end or trailers close our side with it."""
        await self._writable()
        data = b"\0" + len(payload).to_bytes(4, "big") + payload
        h2, view, at = self._h2_connection, memoryview(data), 0
        while at < len(data):
            window = h2.local_flow_control_window(cast(int, self.id))
            if window <= 0:
                self.connection.flush()
                self.window_updated.clear()
                await self.window_updated.wait()
                await self._writable()
                continue
            part = view[at : at + window]
            at += len(part)
            self._put_data(part)
            if not self.connection.write_ready.is_set():
                self.connection.flush()
                await self._writable()
        if trailers is not None:
            self.put_headers(trailers, end=True)
        elif end:
            h2.end_stream(cast(int, self.id))
        if (end or trailers is not None) and len(h2.streams) == 1:
            self.connection.flush()  # nobody else has anything to say
        else:
            self.connection.flush_soon()

    def start(self) -> None:
        """A call begins with its headers, which have left."""

    def _put_data(self, data: memoryview) -> None:
        """Queue DATA frames for what the windows allow. h2 makes them one by one through objects and copies, which was
        half of the time of a large read; its state of an open stream does not depend on them, its windows do."""
        h2, id = self._h2_connection, cast(int, self.id)
        stream = h2.streams[id]
        stream.state_machine.process_input(StreamInputs.SEND_DATA)  # ProtocolError unless it may send
        size = h2.max_outbound_frame_size
        for at in range(0, len(data), size):
            part = data[at : at + size]
            h2._data_to_send += _FRAME.pack(len(part) >> 8, len(part) & 0xFF, _DATA, 0, id)
            h2._data_to_send += part
        stream.outbound_flow_control_window -= len(data)
        h2.outbound_flow_control_window -= len(data)

    async def finish_sending(self) -> None:
        """Close our side."""
        await self._writable()
        self._h2_connection.end_stream(cast(int, self.id))
        self.connection.flush_soon()

    def put_headers(self, headers: Headers, end: bool = False) -> None:
        """Queue headers without a write of their own: what follows carries them. No-op on a dead stream."""
        h2 = self._h2_connection
        if self.failure is not None or self.id not in h2.streams or self._transport.is_closing():
            return
        block = literals(headers)
        if len(block) > h2.max_outbound_frame_size or h2.encoder.table_size_changes:
            h2.send_headers(self.id, headers, end_stream=end)  # several frames; or the peer must be told of its table
            return
        machine = h2.streams[self.id].state_machine
        machine.process_input(StreamInputs.SEND_HEADERS)  # ProtocolError unless it may send
        if end:
            machine.process_input(StreamInputs.SEND_END_STREAM)
        flags = _END_HEADERS | (_END_STREAM if end else 0)
        h2._data_to_send += _FRAME.pack(len(block) >> 8, len(block) & 0xFF, _HEADERS, flags, self.id) + block

    def flush(self) -> None:
        if not self._transport.is_closing():
            self.connection.flush_soon()

    def abandon(self, code: ErrorCodes = ErrorCodes.CANCEL) -> None:
        """Tell the peer, if it still listens, that nobody cares any more."""
        if self.id is not None and self.failure is None and self.closable:
            self.reset_nowait(code)


class RawConnection(Connection):
    def create_stream(self, *, stream_id: int | None = None, wrapper: Any = None) -> RawStream:
        return RawStream(self, self._connection, self._transport, stream_id=stream_id, wrapper=wrapper)

    _flushing = False

    def flush(self) -> None:
        data = self._connection.data_to_send()
        if data and not self.is_closing():
            self._transport.write(data)

    def flush_soon(self) -> None:
        """With what else is queued in this turn of the event loop: one TLS record and one system call for all."""
        if not self._flushing and self._connection._data_to_send:
            self._flushing = True
            asyncio.get_running_loop().call_soon(self._flush_now)

    def _flush_now(self) -> None:
        self._flushing = False
        self.flush()

    def ack(self, stream_id: int, size: int) -> None:
        if size:
            self._connection.acknowledge_received_data(size, stream_id)
            self.flush_soon()

    def close(self) -> None:
        self.flush()
        super().close()

    @property
    def open_streams(self) -> int:
        return int(self._connection.open_outbound_streams)


_config = Configuration(
    http2_connection_window_size=STREAM_WINDOW_BYTES * MAX_STREAMS, http2_stream_window_size=STREAM_WINDOW_BYTES
)


class RawProtocol(H2Protocol):
    """One connection. Any fault of the peer ends it; none reaches the event loop's exception handler."""

    connection: RawConnection

    def __init__(self, handler: AbstractHandler, *, client: bool) -> None:
        # No header encoding: h2 then hands out bytes, and a header that is not ASCII is ours to refuse.
        super().__init__(
            handler,
            _config.__for_client__() if client else _config.__for_server__(),
            H2Configuration(
                client_side=client,
                header_encoding=None,
                validate_inbound_headers=not client,
                validate_outbound_headers=False,
                normalize_inbound_headers=False,
                normalize_outbound_headers=False,
            ),
        )
        self._made = False
        self._begin: Callable[[], None] | None = getattr(handler, "begin", None)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        sock = transport.get_extra_info("socket")
        if sock is not None:
            _set_nodelay(sock)
        h2 = QuickConnection(self.h2_config)
        h2.local_settings = Settings(
            client=bool(self.h2_config.client_side),
            initial_values={
                SettingCodes.INITIAL_WINDOW_SIZE: (
                    FIRST_WINDOW_BYTES if self.h2_config.client_side else STREAM_WINDOW_BYTES
                ),
                SettingCodes.MAX_CONCURRENT_STREAMS: MAX_STREAMS,
                SettingCodes.MAX_FRAME_SIZE: MAX_FRAME_BYTES,
                SettingCodes.MAX_HEADER_LIST_SIZE: h2.DEFAULT_MAX_HEADER_LIST_SIZE,
            },
        )
        h2.decoder = RememberingDecoder()
        h2.decoder.max_header_list_size = h2.DEFAULT_MAX_HEADER_LIST_SIZE
        h2.max_inbound_frame_size = MAX_FRAME_BYTES
        h2.initiate_connection()
        h2.increment_flow_control_window(self.config.http2_connection_window_size - h2.inbound_flow_control_window)
        self.connection = RawConnection(h2, cast(asyncio.Transport, transport), config=self.config)
        self.connection.flush()
        self.processor = EventsProcessor(self.handler, self.connection)
        self._made = True

    def data_received(self, data: bytes) -> None:
        if not self._made or self.connection.is_closing():
            return
        try:
            events = self.connection.feed(data)
            for event in events:
                if type(event) in getattr(self.processor, "processors", ()):  # others must be ignored (RFC 9113, 4.1)
                    self.processor.process(event)
            if self._begin is not None:
                self._begin()
            self.connection.flush_soon()
        except ProtocolError as error:
            self.connection.flush()  # the GOAWAY that names the fault
            self._drop(f"protocol error: {error}")
        except Exception as error:  # any input at all may come here: what h2 does not foresee is still the peer's fault
            self._drop(f"unreadable HTTP/2: {type(error).__name__}: {error}")
        else:
            if self.connection.is_closing():
                return
            if self.connection.streams_failed > MAX_RESETS:
                self._drop(f"more than {MAX_RESETS} streams reset")
            elif self.connection._transport.get_write_buffer_size() > MAX_WRITE_BACKLOG_BYTES:
                self._drop("answers are not read")

    def connection_lost(self, exc: BaseException | None) -> None:
        if self._made:
            self.processor.close(reason="connection lost" if exc is None else f"connection lost: {exc}")
            self.connection.write_ready.set()  # grpclib leaves writers waiting

    def _drop(self, reason: str) -> None:
        log.info("connection closed: %s", reason)
        self.processor.close(reason=reason)
        self.connection.write_ready.set()


def stream_status(stream: object) -> tuple[int, str]:
    """gRPC status and text of a stream that has ended."""
    headers = getattr(stream, "trailers", None) or getattr(stream, "headers", None) or ()
    found = {bytes(k): bytes(v) for k, v in headers}
    try:
        status = int(found.get(b"grpc-status", b"2"))
    except ValueError:
        status = 2
    return status, decode_grpc_message(found.get(b"grpc-message", b"").decode("ascii", "replace"))
