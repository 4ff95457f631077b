"""Events of the state, and the iterator that hands them out.

A watch's buffer is bounded: a reader that stops reading gets WatchOverflowError,
never the memory of the store. (An unbounded queue let one stuck client of the API
eat the node.) Events share the stored resource and copy it when it is looked at, so
that a hundred sleeping watchers cost no copies.
"""

from __future__ import annotations

import asyncio
import enum
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, Generic

from talos.state.errors import WatchOverflowError
from talos.state.resource import Metadata, Resource, S

BUFFER = 1024


class EventKind(enum.Enum):
    """What happened. BOOTSTRAPPED ends the current contents of a watch on a kind, NOOP only carries a bookmark."""

    CREATED = "CREATED"
    UPDATED = "UPDATED"
    DESTROYED = "DESTROYED"
    BOOTSTRAPPED = "BOOTSTRAPPED"
    NOOP = "NOOP"


class Event(Generic[S]):
    """A change. `resource` is the value after it (before it for DESTROYED), `old` the one before an update.

    The first event of a watch on an id that does not exist is DESTROYED with metadata only (`absent`).
    """

    __slots__ = ("_old", "_resource", "bookmark", "kind", "md")

    def __init__(
        self,
        kind: EventKind,
        resource: Resource[S] | None = None,
        old: Resource[S] | None = None,
        *,
        md: Metadata | None = None,
        bookmark: bytes = b"",
    ) -> None:
        self.kind = kind
        self._resource = resource
        self._old = old
        self.md = md if resource is None else resource.md
        """metadata of the resource; read only. None for BOOTSTRAPPED and NOOP."""
        self.bookmark = bookmark
        """where a later watch may go on, as long as the store keeps the changes since; empty: nowhere"""

    @property
    def absent(self) -> bool:
        """True for the first event of a watch on an id that does not exist."""
        return self.kind is EventKind.DESTROYED and self._resource is None

    @property
    def resource(self) -> Resource[S]:
        """The reader's own copy. LookupError where the event carries none."""
        if self._resource is None:
            raise LookupError(f"{self.kind.value} carries no resource")
        return self._resource.copy()

    @property
    def old(self) -> Resource[S] | None:
        """The value before an update, the reader's own copy."""
        return None if self._old is None else self._old.copy()

    def shared(self) -> tuple[Resource[S] | None, Resource[S] | None]:
        """(resource, old) without a copy, for encoders that only read."""
        return self._resource, self._old

    def __repr__(self) -> str:
        return f"<{self.kind.value} {self.md or ''}>"


class Watch(Generic[S]):
    """Async iterator of events; close it (or use `async with`) when done. One reader."""

    def __init__(
        self,
        initial: Iterable[Event[S]] = (),
        *,
        buffer: int = BUFFER,
        on_close: Callable[[Watch[Any]], None] | None = None,
    ) -> None:
        self._events: deque[Event[S]] = deque(initial)
        self._limit = len(self._events) + buffer
        self._waiter: asyncio.Future[None] | None = None
        self._error: BaseException | None = None
        self._closed = False
        self._on_close = on_close

    def push(self, event: Event[S]) -> None:
        """Writer's side: append an event, or break the watch when its buffer is full."""
        if self._error is not None or self._closed:
            return
        if len(self._events) >= self._limit:
            self.fail(WatchOverflowError(f"watch buffer of {self._limit} events is full: watch again"))
            return
        self._events.append(event)
        self._wake()

    def fail(self, error: BaseException) -> None:
        """Writer's side: end the watch with an error, after what is buffered."""
        if self._error is None:
            self._error = error
            self._detach()
            self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _detach(self) -> None:
        if self._on_close is not None:
            on_close, self._on_close = self._on_close, None
            on_close(self)

    def pending(self) -> int:
        """Number of buffered events."""
        return len(self._events)

    def drain(self) -> list[Event[S]]:
        """Take what is buffered, without waiting."""
        events = list(self._events)
        self._events.clear()
        return events

    def __aiter__(self) -> Watch[S]:
        return self

    async def __anext__(self) -> Event[S]:
        while not self._events:
            if self._error is not None:
                raise self._error
            if self._closed:
                raise StopAsyncIteration
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        return self._events.popleft()

    def close(self) -> None:
        """Stop; the reader's iteration ends."""
        if not self._closed:
            self._closed = True
            self._events.clear()
            self._detach()
            self._wake()

    async def aclose(self) -> None:
        """Same as close, for contextlib.aclosing."""
        self.close()

    async def __aenter__(self) -> Watch[S]:
        return self

    async def __aexit__(self, *exc: object) -> None:
        self.close()
