"""The store of machined: resources in dictionaries, changes told to watchers as they are committed.

Single thread, and no operation awaits between its check and its write, so each is
atomic without a lock. Stored resources are never altered in place: a write replaces
them, so watchers and encoders may look at them without a copy.
"""

from __future__ import annotations

import builtins
import secrets
from collections.abc import Callable
from typing import Any, cast

from talos.state.clock import Clock, LoopClock
from talos.state.errors import (
    AlreadyExistsError,
    BookmarkError,
    ConflictError,
    NotFoundError,
    OwnerError,
    PendingFinalizersError,
    PhaseError,
)
from talos.state.history import Change, History
from talos.state.interface import Labels, State, Subscription
from talos.state.query import LabelQuery, as_query, matches
from talos.state.resource import Metadata, Phase, Resource, S
from talos.state.spec import Spec, definition
from talos.state.watch import BUFFER, Event, EventKind, Watch

_Collection = dict[str, Resource[Any]]
_POSITION_BYTES = 8


class _Listener:
    """One watch or subscription."""

    __slots__ = ("_set", "deliver", "id")

    def __init__(
        self,
        listeners: dict[_Listener, None],
        id: str | None,
        deliver: Callable[[Change], None],
    ) -> None:
        self._set = listeners
        self.id = id
        self.deliver = deliver
        listeners[self] = None

    def close(self) -> None:
        self._set.pop(self, None)


class InMemoryState(State):
    """The one and only copy of what the node knows."""

    def __init__(self, clock: Clock | None = None, *, buffer: int = BUFFER) -> None:
        self._clock = clock or LoopClock()
        self._buffer = buffer
        self._resources: dict[tuple[str, str], _Collection] = {}
        self._listeners: dict[tuple[str, str], dict[_Listener, None]] = {}
        self._histories: dict[tuple[str, str], History] = {}
        self._cookie = secrets.token_bytes(16)  # a bookmark of an earlier process must not be taken for one of ours

    # -- reading --

    def peek(self, kind: type[S], namespace: str | None = None) -> builtins.list[Resource[S]]:
        """The stored resources themselves, by id, for encoders that only read."""
        stored = self._resources.get(_key(kind, namespace), {})
        return [stored[id] for id in sorted(stored)]

    def namespaces(self, kind: type[Spec]) -> builtins.list[str]:
        """Namespaces that hold resources of the kind."""
        name = definition(kind).type
        return sorted(ns for (ns, type_name), found in self._resources.items() if type_name == name and found)

    async def get(self, kind: type[S], id: str, *, namespace: str | None = None) -> Resource[S]:
        return self._stored(kind, id, namespace).copy()

    async def list(
        self, kind: type[S], *, namespace: str | None = None, labels: Labels = None
    ) -> builtins.list[Resource[S]]:
        queries = as_query(labels)
        return [r.copy() for r in self.peek(kind, namespace) if matches(queries, r.md.labels)]

    def _stored(self, kind: type[S], id: str, namespace: str | None) -> Resource[S]:
        key = _key(kind, namespace)
        found = self._resources.get(key, {}).get(id)
        if found is None:
            missing = Metadata(namespace=key[0], type=key[1], id=id)
            raise NotFoundError(f"resource {missing} doesn't exist")
        return cast("Resource[S]", found)

    # -- writing --

    async def create(self, resource: Resource[S], *, owner: str = "") -> Resource[S]:
        return self.create_now(resource, owner=owner)

    def create_now(self, resource: Resource[S], *, owner: str = "") -> Resource[S]:
        """create without await, for what must be there before the next question is answered."""
        stored = resource.copy()
        collection = self._resources.setdefault(_key(stored.kind, stored.md.namespace), {})
        if stored.id in collection:
            raise AlreadyExistsError(f"resource {collection[stored.id].md} already exists")
        stored.md.version = 1
        stored.md.owner = owner
        stored.md.created = stored.md.updated = self._clock.now()
        collection[stored.id] = stored
        self._tell(EventKind.CREATED, stored, None)
        return stored.copy()

    async def update(
        self, resource: Resource[S], *, owner: str = "", expected_phase: Phase | None = Phase.RUNNING
    ) -> Resource[S]:
        current = self._stored(resource.kind, resource.id, resource.md.namespace)
        if current.md.version != resource.md.version:
            raise ConflictError(
                f"resource {current.md} update conflict: expected version {resource.md.version}, "
                f"actual version {current.md.version}"
            )
        _check_owner(current.md, owner)
        if expected_phase is not None and current.md.phase is not expected_phase:
            raise PhaseError(
                f"resource {current.md} phase is {current.md.phase.value}, expected {expected_phase.value}"
            )
        stored = resource.copy()
        stored.md.version = current.md.version + 1
        stored.md.owner = current.md.owner
        stored.md.created = current.md.created
        stored.md.updated = self._clock.now()
        self._resources[_key(stored.kind, stored.md.namespace)][stored.id] = stored
        self._tell(EventKind.UPDATED, stored, current)
        return stored.copy()

    async def destroy(self, kind: type[Spec], id: str, *, owner: str = "", namespace: str | None = None) -> None:
        current = self._stored(kind, id, namespace)
        _check_owner(current.md, owner)
        if current.md.finalizers:
            raise PendingFinalizersError(f"resource {current.md} has pending finalizers {current.md.finalizers}")
        key = _key(kind, namespace)
        del self._resources[key][id]
        if not self._resources[key]:
            del self._resources[key]
        self._tell(EventKind.DESTROYED, current, None)

    # -- telling --

    @property
    def listeners(self) -> int:
        """Watches and subscriptions that are open."""
        return sum(map(len, self._listeners.values()))

    def _tell(self, event: EventKind, resource: Resource[Any], old: Resource[Any] | None) -> None:
        key = resource.md.namespace, resource.md.type
        change = self._histories.setdefault(key, History()).add(event, resource, old)
        for listener in builtins.list(self._listeners.get(key, ())):
            if listener.id is None or listener.id == resource.id:
                listener.deliver(change)

    def watch(
        self,
        kind: type[S],
        id: str | None = None,
        *,
        namespace: str | None = None,
        labels: Labels = None,
        bootstrap: bool = True,
        tail: int = 0,
        after: bytes | None = None,
        mark: bool = False,
    ) -> Watch[S]:
        """Events from now on, or from before, which no other state can.

        `tail`: the last so many changes that are kept; `after`: those since the event with this bookmark
        (BookmarkError). Either takes the place of the current value or contents. `mark`: NOOP first, with a bookmark.
        """
        key = _key(kind, namespace)
        queries = as_query(labels)
        history = self._histories.setdefault(key, History())
        initial: builtins.list[Event[S]] = []
        if mark:
            initial.append(Event(EventKind.NOOP, bookmark=self._bookmark(history.position)))
        if after is not None or tail > 0:
            changes = self._after(history, after) if after is not None else builtins.list(history.newest_first())[::-1]
            events = [self._event(queries, change) for change in changes if id is None or change[2].id == id]
            seen = [event for event in events if event is not None]
            initial.extend(seen if after is not None else seen[-tail:])
        elif id is not None:
            found = self._resources.get(key, {}).get(id)
            bookmark = self._bookmark(history.position)
            if found is None:
                gone = Metadata(namespace=key[0], type=key[1], id=id)
                initial.append(Event(EventKind.DESTROYED, md=gone, bookmark=bookmark))
            else:
                initial.append(Event(EventKind.CREATED, found, bookmark=bookmark))
        elif bootstrap:
            initial.extend(
                Event(EventKind.CREATED, r) for r in self.peek(kind, namespace) if matches(queries, r.md.labels)
            )
            initial.append(Event(EventKind.BOOTSTRAPPED, bookmark=self._bookmark(history.position)))

        def deliver(change: Change) -> None:
            seen = self._event(queries, change)
            if seen is not None:
                watch.push(seen)

        listener = _Listener(self._listeners.setdefault(key, {}), id, deliver)
        watch: Watch[S] = Watch(initial, buffer=self._buffer, on_close=lambda _: listener.close())
        return watch

    def _bookmark(self, position: int) -> bytes:
        return self._cookie + position.to_bytes(_POSITION_BYTES, "big")

    def _after(self, history: History, bookmark: bytes) -> builtins.list[Change]:
        cookie, position = bookmark[:-_POSITION_BYTES], bookmark[-_POSITION_BYTES:]
        changes = history.after(int.from_bytes(position, "big")) if cookie == self._cookie else None
        if changes is None:
            raise BookmarkError("invalid watch bookmark: it is none of this node, or too old")
        return changes

    def _event(self, queries: LabelQuery, change: Change) -> Event[Any] | None:
        position, kind, resource, old = change
        event = _seen_through(queries, kind, resource, old)
        if event is not None:
            event.bookmark = self._bookmark(position)
        return event

    def subscribe(
        self, kind: type[Spec], notify: Callable[[], None], *, id: str | None = None, namespace: str | None = None
    ) -> Subscription:
        return _Listener(self._listeners.setdefault(_key(kind, namespace), {}), id, lambda *_: notify())


def _key(kind: type[Spec], namespace: str | None) -> tuple[str, str]:
    about = definition(kind)
    return about.namespace if namespace is None else namespace, about.type


def _check_owner(md: Metadata, owner: str) -> None:
    if md.owner != owner:
        raise OwnerError(f"resource {md} is owned by {md.owner!r}, not by {owner!r}")


def _seen_through(
    queries: LabelQuery, kind: EventKind, resource: Resource[Any], old: Resource[Any] | None
) -> Event[Any] | None:
    """The event as a label query sees it: an update into the selection is a creation, out of it a destruction."""
    if not queries:
        return Event(kind, resource, old)
    now = matches(queries, resource.md.labels)
    if old is None:
        return Event(kind, resource) if now else None
    before = matches(queries, old.md.labels)
    if now:
        return Event(EventKind.UPDATED, resource, old) if before else Event(EventKind.CREATED, resource)
    return Event(EventKind.DESTROYED, old) if before else None
