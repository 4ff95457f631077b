"""The ring of events behind `talosctl events`, and its readers.

The ring keeps the last CAPACITY events; a reader keeps only its position, so a hundred sleeping readers cost nothing.
A reader that falls behind by more than the ring is told so with an error instead of silently losing events.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable

from google.protobuf.message import Message
from msgspec import Struct

from talos.machined import xid

CAPACITY = 1000
TYPE_PREFIX = "talos/runtime/"


class EventsLostError(Exception):
    """The reader was slower than the events came; it must subscribe again."""


class Event(Struct, frozen=True):
    """One event: `payload` is one of the contract's *Event messages."""

    id: str
    seconds: float
    payload: Message
    actor_id: str = ""

    @property
    def type_url(self) -> str:
        """What stands in Any.type_url."""
        return TYPE_PREFIX + self.payload.DESCRIPTOR.full_name


class EventRing:
    """Events of this node since machined started, oldest dropped first."""

    def __init__(self, machine: bytes = b"", clock: Callable[[], float] = time.time, capacity: int = CAPACITY) -> None:
        self._ids = xid.XidGenerator(machine)
        self._clock = clock
        self._capacity = capacity
        self._events: deque[Event] = deque(maxlen=capacity)
        self._next = 0
        self._arrived: asyncio.Future[None] | None = None
        self._listeners: list[Callable[[Event], None]] = []

    def publish(self, payload: Message, actor_id: str = "") -> Event:
        """Append an event and wake its readers."""
        now = self._clock()
        event = Event(self._ids.new(now), now, payload, actor_id)
        self._events.append(event)
        self._next += 1
        if self._arrived is not None and not self._arrived.done():
            self._arrived.set_result(None)
        self._arrived = None
        for listener in self._listeners:
            listener(event)
        return event

    def new_id(self) -> str:
        """An id of now, later than those of all events that the ring holds."""
        return self._ids.new(self._clock())

    def listen(self, listener: Callable[[Event], None]) -> None:
        """Call `listener` with every event from now on, in order; it must not block."""
        self._listeners.append(listener)

    def first_position(self, tail_events: int = 0, tail_id: str = "", tail_seconds: int = 0) -> int:
        """Where a reader starts: the wire's three ways to ask for the past; 0 and "" mean not asked, -1 means all.

        At most one is given. An id that the ring no longer holds starts at the first event after it.
        ValueError for an id that is none.
        """
        oldest = self._next - len(self._events)
        if tail_id:
            xid.decode(tail_id)
            return next((oldest + i for i, event in enumerate(self._events) if event.id > tail_id), self._next)
        if tail_seconds:
            since = self._clock() - tail_seconds
            return next((oldest + i for i, event in enumerate(self._events) if event.seconds >= since), self._next)
        if tail_events < 0:
            return oldest
        return max(oldest, self._next - tail_events)

    async def read(self, position: int) -> AsyncIterator[Event]:
        """Events from `position` on, for ever. EventsLostError when the ring ran over the reader."""
        while True:
            while position < self._next:
                oldest = self._next - len(self._events)
                if position < oldest:
                    raise EventsLostError(f"{oldest - position} events were lost: the reader is too slow, ask again")
                event = self._events[position - oldest]
                position += 1
                yield event
            if self._arrived is None:
                self._arrived = asyncio.get_running_loop().create_future()
            await asyncio.shield(self._arrived)

    def snapshot(self) -> list[Event]:
        """What the ring holds now, oldest first."""
        return list(self._events)
