"""One connection of a link between processes of a node, and the calls on it: the same classes on both ends.

A sender may be ahead of the reader of its call by a window, and by one message more, since messages are not cut; the
reader's side says when it has taken some out. So one reader that does not read stops its own call only. A window is
FIRST_WINDOW_BYTES, and STREAM_WINDOW_BYTES once it is seen to be read. Frames of one turn of the event loop leave in
one write.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable

from grpclib.const import Status

from talos.transport import link_frames as frames
from talos.transport.arrivals import Arrivals
from talos.transport.calls import FIRST_WINDOW_BYTES, MAX_GROWN, STREAM_WINDOW_BYTES, CallError, Headers

log = logging.getLogger("transport")

MAX_CALLS = 1600
"""at one time"""
GONE = "the other process is gone"


class Messages(Arrivals):
    """What the other side has sent on one call, taken out as whole messages."""

    def __init__(self, taken: Callable[[int], None]) -> None:
        super().__init__()
        self._taken = taken
        self._queue: deque[bytes] = deque()

    def put(self, message: bytes) -> None:
        """A message has arrived."""
        self._queue.append(message)
        self.poke()

    def end(self) -> None:
        """No more will."""
        self._ended = True
        self.poke()

    @property
    def idle(self) -> bool:
        """`message` would wait."""
        return not self._queue and not self._ended and self._failure is None

    async def message(self) -> bytes | None:
        """The next message; None at the end. CallError."""
        while not self._queue:
            if self._failure is not None:
                raise self._failure
            if self._ended:
                return None
            await self.wait()
        found = self._queue.popleft()
        self._taken(len(found))
        return found


class LinkStream:
    """One call. `inbox` holds what the other side sent; sends raise CallError once the other side is gone."""

    grown = 0
    """of all calls of this process: those with the large window"""

    def __init__(self, link: LinkProtocol, id: int) -> None:
        self.id = id
        self.inbox = Messages(self._took)
        self.headers: Headers | None = None
        """as RawStream has them, of the calling side: None until the answer begins"""
        self.trailers: Headers | None = None
        self.status: tuple[int, str, frames.Pairs] | None = None
        """of the calling side: code, text and metadata, once the call is over; the headers say the same"""
        self.failure: CallError | None = None
        self.opening = b""
        """of the calling side: leaves with the first message, or with `start`"""
        self.link = link
        self._window = FIRST_WINDOW_BYTES
        self._owed = FIRST_WINDOW_BYTES
        """what the other side may still send"""
        self._unread = 0
        self._read = 0
        self._credit = FIRST_WINDOW_BYTES
        self._credited: asyncio.Future[None] | None = None

    # receiving

    def received(self, message: bytes) -> None:
        """A message has arrived. LinkError when the sender ignores its window."""
        if self._owed <= 0:
            raise frames.LinkError("more was sent than allowed")
        self._owed -= len(message)
        self.inbox.put(message)

    def _took(self, size: int) -> None:
        self._unread += size
        self._read += size
        if self._window < STREAM_WINDOW_BYTES and self._read >= 2 * self._window and LinkStream.grown < MAX_GROWN:
            LinkStream.grown += 1
            self._unread += STREAM_WINDOW_BYTES - self._window
            self._window = STREAM_WINDOW_BYTES
        if self._unread * 2 >= self._window:
            self._owed += self._unread
            self.link.put(frames.credit(self.id, self._unread))
            self._unread = 0

    def shrink(self) -> None:
        """The call is over: another may have a large window."""
        if self._window == STREAM_WINDOW_BYTES:
            self._window = FIRST_WINDOW_BYTES
            LinkStream.grown -= 1

    # sending

    def allow(self, size: int) -> None:
        """The other side has taken out so much."""
        self._credit += size
        if self._credited is not None and not self._credited.done():
            self._credited.set_result(None)

    def fail(self, error: CallError) -> None:
        """The call is lost."""
        if self.failure is None:
            self.failure = error
        self.inbox.fail(error)
        self.allow(0)

    async def send_message(self, payload: bytes, end: bool = False) -> None:
        """Send one message, waiting for the other side to read; `end`: our last one."""
        while self._credit <= 0 and self.failure is None:
            self._credited = asyncio.get_running_loop().create_future()
            try:
                await self._credited
            finally:
                self._credited = None
        if self.failure is not None:
            raise self.failure
        self._credit -= len(payload)
        data, self.opening = self.opening + frames.frame(frames.LAST if end else frames.MESSAGE, self.id, payload), b""
        self.link.put(data, last=end)

    async def finish_sending(self) -> None:
        """No more messages from our side."""
        self.start()
        self.link.put(frames.frame(frames.END, self.id))

    def start(self) -> None:
        """Begin the call before there is a message to send."""
        if self.opening:
            self.link.put(self.opening)
            self.opening = b""


class LinkProtocol(asyncio.Protocol):
    """One connection: frames in, frames out. Subclasses are the two ends."""

    def __init__(self) -> None:
        self.calls: dict[int, LinkStream] = {}
        self.transport: asyncio.Transport | None = None
        self.user = -1
        """of the calling process, at the serving end"""
        self._reader = frames.Reader()
        self._out: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport = None
        self._out.clear()
        for stream in list(self.calls.values()):
            self.lost(stream)
        self.calls.clear()

    def data_received(self, data: bytes) -> None:
        try:
            for kind, id, payload in self._reader.feed(data):
                self._take(kind, id, payload)
        except frames.LinkError as error:
            log.error("a link between processes of this node is closed: %s", error)
            self.close()

    def _take(self, kind: int, id: int, payload: bytes) -> None:
        stream = self.calls.get(id)
        if stream is None:
            if kind == frames.CALL:
                self.opened(id, *frames.read_call(payload))
            return  # of a call that is over here already
        if kind in (frames.MESSAGE, frames.LAST):
            self.answered(stream)
            stream.received(payload)
            if kind == frames.LAST:
                stream.inbox.end()
        elif kind == frames.CREDIT:
            stream.allow(frames.read_credit(payload))
        elif kind == frames.END:
            stream.inbox.end()
        elif kind == frames.BEGUN:
            self.answered(stream)
            stream.inbox.poke()
        elif kind == frames.STATUS:
            self.finished(stream, *frames.read_status(payload))
        elif kind == frames.RESET:
            self.lost(stream)
        else:
            raise frames.LinkError(f"call {id} is open already")

    def put(self, data: bytes, last: bool = False) -> None:
        """Send soon, together with what else comes in this turn of the event loop; at once what is the `last` thing
        that a call has to say, if it is the only one: a turn of the loop costs as much as a message."""
        if last and not self._out and len(self.calls) == 1:
            if self.transport is not None and not self.transport.is_closing():
                self.transport.write(data)
            return
        if not self._out:
            asyncio.get_running_loop().call_soon(self._flush)
        self._out.append(data)

    def _flush(self) -> None:
        out, self._out = self._out, []
        if out and self.transport is not None and not self.transport.is_closing():
            self.transport.write(out[0] if len(out) == 1 else b"".join(out))

    def close(self) -> None:
        """End the connection; what was put before still leaves."""
        self._flush()
        if self.transport is not None:
            self.transport.close()

    # what the two ends do differently

    def opened(self, id: int, path: str, metadata: frames.Pairs) -> None:
        """The other side opens a call. LinkError where it must not."""
        raise frames.LinkError("a server does not call")

    def answered(self, stream: LinkStream) -> None:
        """A message or BEGUN has arrived on a call."""

    def finished(self, stream: LinkStream, code: int, text: str, metadata: frames.Pairs) -> None:
        """The other side ends a call. LinkError where it must not."""
        raise frames.LinkError("a caller has no status")

    def lost(self, stream: LinkStream) -> None:
        """The call was reset, or its connection is gone."""
        stream.fail(CallError(Status.UNAVAILABLE, GONE))
