"""The calls of one connection: each is a task that ends with the call, the caller or the connection."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections import deque
from collections.abc import Callable
from typing import cast

from grpclib.protocol import AbstractHandler, Stream

from talos.transport.arrivals import begin
from talos.transport.calls import Headers
from talos.transport.http2 import RawStream
from talos.transport.identity import Identity


class Gate(AbstractHandler):
    """What a listener gives each connection. `identity` None: the node's own socket, where nobody is authenticated."""

    def __init__(self, identity: Identity | None, maintenance: bool) -> None:
        self.identity = identity
        self.maintenance = maintenance
        self.on_close: Callable[[], object] | None = None
        self.transport: asyncio.Transport | None = None
        self._calls: dict[RawStream, asyncio.Task[None]] = {}
        self._accepted: deque[tuple[RawStream, Headers, Callable[[], None]]] = deque()

    @abstractmethod
    async def serve(self, stream: RawStream, headers: Headers, release: Callable[[], None]) -> None:
        """Answer one call; raise nothing but CancelledError, and call `release` at the end, whatever happens."""

    @property
    def idle(self) -> bool:
        """No call is in progress."""
        return not self._calls

    def accept(self, stream: Stream, headers: Headers, release_stream: Callable[[], None]) -> None:
        self._accepted.append((cast(RawStream, stream), headers, release_stream))

    def begin(self) -> None:
        """Serve the calls that were accepted. Called when all that has arrived at one time is taken in: a call then
        finds its message there, and goes as far as it can at once."""
        while self._accepted:
            stream, headers, release = self._accepted.popleft()
            if stream.failure is not None:  # reset behind its own headers
                release()
                stream.inbox.discard()
                continue
            task = begin(self.serve(stream, headers, release))
            if task.done():
                stream.inbox.discard()
            else:
                self._calls[stream] = task
                task.add_done_callback(lambda _, stream=stream: self._done(stream))  # type: ignore[misc]

    def _done(self, stream: RawStream) -> None:
        self._calls.pop(stream, None)
        stream.inbox.discard()

    def cancel(self, stream: Stream) -> None:
        task = self._calls.get(cast(RawStream, stream))
        if task is not None:
            task.cancel()

    def close(self) -> None:
        self._accepted.clear()
        for task in list(self._calls.values()):
            task.cancel()
        if self.on_close is not None:
            self.on_close()
            self.on_close = None
        if self.transport is not None:
            self.transport.close()
