"""The state's interface: seven primitives, and what every implementation gets from them.

What is derived here repeats itself on ConflictError, so it is atomic for the caller
on a remote store as well.
"""

from __future__ import annotations

import builtins
import contextlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

from talos.state.errors import AlreadyExistsError, ConflictError, NotFoundError
from talos.state.query import Query
from talos.state.resource import Phase, Resource, S
from talos.state.spec import Spec, definition
from talos.state.watch import EventKind, Watch

Labels = Mapping[str, str] | Iterable[Query] | None


class Subscription(Protocol):
    """What subscribe returns."""

    def close(self) -> None:
        """No more calls."""


class _Never:
    """A subscription to what cannot happen."""

    def close(self) -> None:
        return


class State(ABC):
    """Typed resources with optimistic concurrency and watches.

    `namespace=None` means the namespace of the type's definition. `owner` is the name
    of the controller that writes, "" for nobody. Whatever is handed out is a copy.
    """

    @abstractmethod
    async def get(self, kind: type[S], id: str, *, namespace: str | None = None) -> Resource[S]:
        """One resource. NotFoundError."""

    @abstractmethod
    async def list(
        self, kind: type[S], *, namespace: str | None = None, labels: Labels = None
    ) -> builtins.list[Resource[S]]:
        """All resources of a kind, by id. `labels`: mapping of equal values, or queries."""

    @abstractmethod
    async def create(self, resource: Resource[S], *, owner: str = "") -> Resource[S]:
        """Store a new resource; the answer carries version, owner and times. AlreadyExistsError."""

    @abstractmethod
    async def update(
        self, resource: Resource[S], *, owner: str = "", expected_phase: Phase | None = Phase.RUNNING
    ) -> Resource[S]:
        """Replace a resource that was read at `resource.md.version`.

        NotFoundError, ConflictError (changed since), OwnerError, PhaseError (the stored
        one is not in expected_phase; None: any phase).
        """

    @abstractmethod
    async def destroy(self, kind: type[Spec], id: str, *, owner: str = "", namespace: str | None = None) -> None:
        """Remove a resource. NotFoundError, OwnerError, PendingFinalizersError."""

    @abstractmethod
    def watch(
        self,
        kind: type[S],
        id: str | None = None,
        *,
        namespace: str | None = None,
        labels: Labels = None,
        bootstrap: bool = True,
    ) -> Watch[S]:
        """Events from now on.

        With an id: first CREATED with the current value, or DESTROYED (`absent`) when
        there is none. Without: the current contents as CREATED, then BOOTSTRAPPED
        (neither with bootstrap=False). Use it as `async with` or close it.
        """

    @abstractmethod
    def subscribe(
        self, kind: type[Spec], notify: Callable[[], None], *, id: str | None = None, namespace: str | None = None
    ) -> Subscription:
        """Call notify at each change: no buffer, no copy. Also called when changes may have been missed."""

    async def ready(self) -> None:  # noqa: B027 - most states always are
        """Return when the state can be reached."""

    async def settle(self) -> None:  # noqa: B027
        """Return when all subscriptions stand: what changes from now on is told."""

    def on_return(self, notify: Callable[[], None]) -> Subscription:
        """Call notify when the state could not be reached and is back: it may have forgotten what was written to it."""
        return _Never()

    def follow(self, kind: type[Spec], namespace: str | None = None) -> None:  # noqa: B027
        """A hint: this type will be read often."""

    async def current(self, kind: type[S], id: str, namespace: str | None, *, fresh: bool) -> Resource[S]:
        """get for what is about to be written; fresh: the last try was made with an outdated value."""
        return await self.get(kind, id, namespace=namespace)

    # -- derived --

    async def modify(
        self,
        kind: type[S],
        id: str,
        change: Callable[[S], Any],
        *,
        owner: str = "",
        namespace: str | None = None,
        labels: Mapping[str, str] | None = None,
        annotations: Mapping[str, str] | None = None,
        expected_phase: Phase | None = Phase.RUNNING,
    ) -> Resource[S]:
        """Create or update: change(spec) alters the spec it gets (new: the type's defaults) or returns another.

        Nothing is written when nothing changed. labels and annotations, when given, replace
        those of the resource. OwnerError, PhaseError.
        """
        fresh = False
        while True:
            try:
                resource = await self.current(kind, id, namespace, fresh=fresh)
            except NotFoundError:
                resource = Resource.new(kind, id, namespace=namespace, labels=dict(labels or {}))
            before = resource.copy() if resource.md.version else None
            changed = change(resource.spec)
            if isinstance(changed, Spec):
                resource.spec = changed  # type: ignore[assignment]
            if labels is not None:
                resource.md.labels = dict(labels)
            if annotations is not None:
                resource.md.annotations = dict(annotations)
            if before == resource and (expected_phase is None or resource.md.phase is expected_phase):
                return resource
            with contextlib.suppress(ConflictError, AlreadyExistsError, NotFoundError):
                if before is None:
                    return await self.create(resource, owner=owner)
                return await self.update(resource, owner=owner, expected_phase=expected_phase)
            fresh = True

    async def teardown(self, kind: type[Spec], id: str, *, owner: str = "", namespace: str | None = None) -> bool:
        """Ask the users of a resource to let go. True when no finalizer is left: it may be destroyed.

        NotFoundError, OwnerError.
        """
        fresh = False
        while True:
            resource = await self.current(kind, id, namespace, fresh=fresh)
            if resource.md.phase is not Phase.TEARING_DOWN:
                resource.md.phase = Phase.TEARING_DOWN
                try:
                    resource = await self.update(resource, owner=owner, expected_phase=None)
                except ConflictError:
                    fresh = True
                    continue
            return not resource.md.finalizers

    async def add_finalizer(self, resource: Resource[S], *names: str) -> Resource[S]:
        """Hold a resource: it is not destroyed before remove_finalizer. PhaseError when it is being torn down."""
        return await self._finalizers(resource, lambda held: held + [n for n in names if n not in held], Phase.RUNNING)

    async def remove_finalizer(self, resource: Resource[S], *names: str) -> Resource[S]:
        """Let go of a resource. NotFoundError."""
        return await self._finalizers(resource, lambda held: [n for n in held if n not in names], None)

    async def _finalizers(
        self,
        resource: Resource[S],
        change: Callable[[builtins.list[str]], builtins.list[str]],
        phase: Phase | None,
    ) -> Resource[S]:
        fresh = False
        while True:
            current = await self.current(resource.kind, resource.id, resource.md.namespace, fresh=fresh)
            finalizers = change(current.md.finalizers)
            if finalizers == current.md.finalizers:
                return current
            current.md.finalizers = finalizers
            with contextlib.suppress(ConflictError):
                # a finalizer is the right of whoever uses the resource, hence the owner's name is taken over
                return await self.update(current, owner=current.md.owner, expected_phase=phase)
            fresh = True

    async def get_or_none(self, kind: type[S], id: str, *, namespace: str | None = None) -> Resource[S] | None:
        """One resource, or None."""
        try:
            return await self.get(kind, id, namespace=namespace)
        except NotFoundError:
            return None

    async def wait_for(
        self,
        kind: type[S],
        id: str,
        predicate: Callable[[Resource[S]], bool] | None = None,
        *,
        namespace: str | None = None,
    ) -> Resource[S]:
        """The current or the first future value that satisfies predicate(resource)."""
        async with self.watch(kind, id, namespace=namespace) as events:
            async for event in events:
                if event.kind in (EventKind.CREATED, EventKind.UPDATED):
                    resource = event.resource
                    if predicate is None or predicate(resource):
                        return resource
        raise NotFoundError(f"the watch on {definition(kind).type}({id}) ended")

    async def wait_gone(self, kind: type[Spec], id: str, *, namespace: str | None = None) -> None:
        """Return when no resource of this id exists."""
        async with self.watch(kind, id, namespace=namespace) as events:
            async for event in events:
                if event.kind is EventKind.DESTROYED:
                    return
