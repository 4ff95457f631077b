"""What a process knows of one resource type in one namespace: kept current by a watch.

Controllers of networkd read the same few types again and again; over the socket each
read costs half a millisecond of two processes' time, from here it is a copy. A watch
is needed for the wake-ups anyway. Own writes are put in at once, so that a controller
reads what it wrote; the watch decides in the end.
"""

from __future__ import annotations

import asyncio
import datetime
from collections.abc import Callable
from typing import Any

from talos.state.resource import AnyResource, Metadata
from talos.state.watch import Event, EventKind


class Follower:
    """Contents and listeners of one (type, namespace)."""

    def __init__(self) -> None:
        self.resources: dict[str, AnyResource] = {}
        self.loaded = False
        """the contents are complete and may be read instead of asking"""
        self.standing = asyncio.Event()
        """no later change will be missed"""
        self.task: asyncio.Task[None] | None = None
        self._destroyed: dict[str, tuple[datetime.datetime, int]] = {}
        self._listeners: dict[Listener, None] = {}
        self._again = False

    # -- the watch's side --

    def apply(self, event: Event[Any]) -> None:
        """Take in an event and tell whom it concerns."""
        if event.kind is EventKind.BOOTSTRAPPED:
            self.loaded = True
            self.standing.set()
            if self._again:
                # it broke and came back: what happened in between is unknown
                self._notify(None)
            self._again = True
            return
        resource, _ = event.shared()
        if resource is None:
            return
        id = resource.id
        if event.kind is EventKind.DESTROYED:
            self._destroyed.pop(id, None)
            known = self.resources.get(id)
            if known is not None and _age(known.md) <= _age(resource.md):
                del self.resources[id]
        else:
            self._put(resource)
        if self.loaded:
            self._notify(id)

    def broken(self) -> None:
        """The watch ended: nothing here can be relied on."""
        self.loaded = False
        self.resources.clear()
        self._destroyed.clear()

    def refused(self) -> None:
        """There will be no watch: reads ask, and fail with the reason."""
        self.broken()
        self.standing.set()

    def _put(self, resource: AnyResource) -> None:
        age = _age(resource.md)
        known = self.resources.get(resource.id)
        gone = self._destroyed.get(resource.id)
        if (known is None or _age(known.md) < age) and (gone is None or gone < age):
            self.resources[resource.id] = resource

    # -- the process's side --

    def written(self, resource: AnyResource) -> None:
        """The answer to an own creation or update."""
        if self.loaded:
            self._put(resource.copy())

    def destroyed(self, id: str) -> None:
        """An own destruction; what the watch still has to tell of the resource is old."""
        known = self.resources.pop(id, None)
        if known is not None:
            self._destroyed[id] = _age(known.md)

    def add(self, call: Callable[[], None], id: str | None) -> Listener:
        """Call at each change of one id or of any."""
        listener = Listener(self, call, id)
        self._listeners[listener] = None
        return listener

    def remove(self, listener: Listener) -> None:
        """No more calls."""
        self._listeners.pop(listener, None)

    def _notify(self, id: str | None) -> None:
        for listener in list(self._listeners):
            if id is None or listener.id is None or listener.id == id:
                listener.call()


class Listener:
    """A subscription."""

    __slots__ = ("_follower", "call", "id")

    def __init__(self, follower: Follower, call: Callable[[], None], id: str | None) -> None:
        self._follower = follower
        self.call = call
        self.id = id

    def close(self) -> None:
        """No more calls."""
        self._follower.remove(self)


def _age(md: Metadata) -> tuple[datetime.datetime, int]:
    """Orders the values of one id: by incarnation, then by version."""
    return md.created, md.version
