"""Random operations on a state and on a model of twenty lines must agree, and a watcher must see all of it."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import Coroutine
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from tests.conformance.specs import ThingSpec

from talos.machined.state_socket import FullAccess
from talos.state import EventKind, InMemoryState, Phase, Resource, State, StateError, Watch
from talos.state.remote import RemoteState
from talos.state.socket import StateSocket

T = TypeVar("T")
IDS = st.sampled_from(["a", "b", "c"])
OWNERS = st.sampled_from(["", "me"])
NAMES = st.sampled_from(["f1", "f2"])


@dataclass(frozen=True)
class Entry:
    """A resource of the model."""

    value: int
    owner: str
    version: int = 1
    phase: Phase = Phase.RUNNING
    finalizers: tuple[str, ...] = field(default=())


def entry_of(resource: Resource[ThingSpec]) -> Entry:
    md = resource.md
    return Entry(resource.spec.value, md.owner, md.version, md.phase, tuple(md.finalizers))


class StateMachine(RuleBasedStateMachine):
    """The comparison; a subclass opens the state."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.stack = contextlib.AsyncExitStack()
        self.model: dict[str, Entry] = {}
        self.seen: dict[str, Entry] = {}
        self.state = self.run(self.open())
        self.events: Watch[ThingSpec] = self.run(self.start_watch())

    async def open(self) -> State:
        raise NotImplementedError

    async def start_watch(self) -> Watch[ThingSpec]:
        watch = self.state.watch(ThingSpec)
        assert (await anext(watch)).kind is EventKind.BOOTSTRAPPED
        return watch

    def run(self, coro: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(asyncio.wait_for(coro, 10))

    def outcome(self, coro: Coroutine[Any, Any, Any]) -> str:
        """Name of the error, or "" """
        try:
            self.run(coro)
        except StateError as error:
            return type(error).__name__
        return ""

    @rule(id=IDS, value=st.integers(0, 3), owner=OWNERS)
    def create(self, id: str, value: int, owner: str) -> None:
        got = self.outcome(self.state.create(Resource.new(ThingSpec, id, ThingSpec(value=value)), owner=owner))
        if id in self.model:
            assert got == "AlreadyExistsError"
        else:
            assert got == ""
            self.model[id] = Entry(value, owner)

    @rule(id=IDS, value=st.integers(0, 3), owner=OWNERS, behind=st.sampled_from([0, 0, 0, 1]), any_phase=st.booleans())
    def update(self, id: str, value: int, owner: str, behind: int, any_phase: bool) -> None:
        known = self.model.get(id)
        resource = Resource.new(ThingSpec, id, ThingSpec(value=value))
        if known is not None:
            resource.md.version = known.version - behind
            resource.md.phase, resource.md.finalizers = known.phase, list(known.finalizers)
        got = self.outcome(
            self.state.update(resource, owner=owner, expected_phase=None if any_phase else Phase.RUNNING)
        )
        if known is None:
            assert got == "NotFoundError"
        elif behind:
            assert got == "ConflictError"
        elif owner != known.owner:
            assert got == "OwnerError"
        elif known.phase is not Phase.RUNNING and not any_phase:
            assert got == "PhaseError"
        else:
            assert got == ""
            self.model[id] = replace(known, value=value, version=known.version + 1)

    @rule(id=IDS, value=st.integers(0, 3), owner=OWNERS)
    def modify(self, id: str, value: int, owner: str) -> None:
        known = self.model.get(id)
        got = self.outcome(self.state.modify(ThingSpec, id, lambda s: setattr(s, "value", value), owner=owner))
        if known is None:
            assert got == ""
            self.model[id] = Entry(value, owner)
        elif known.value == value and known.phase is Phase.RUNNING:
            assert got == ""
        elif known.owner != owner:
            assert got == "OwnerError"
        elif known.phase is not Phase.RUNNING:
            assert got == "PhaseError"
        else:
            assert got == ""
            self.model[id] = replace(known, value=value, version=known.version + 1)

    @rule(id=IDS, owner=OWNERS)
    def tear_down(self, id: str, owner: str) -> None:
        known = self.model.get(id)
        got = self.outcome(self.state.teardown(ThingSpec, id, owner=owner))
        if known is None:
            assert got == "NotFoundError"
        elif known.phase is Phase.TEARING_DOWN:
            assert got == ""
        elif known.owner != owner:
            assert got == "OwnerError"
        else:
            assert got == ""
            self.model[id] = replace(known, phase=Phase.TEARING_DOWN, version=known.version + 1)

    @rule(id=IDS, name=NAMES, add=st.booleans())
    def finalizer(self, id: str, name: str, add: bool) -> None:
        known = self.model.get(id)
        change = self.state.add_finalizer if add else self.state.remove_finalizer
        got = self.outcome(change(Resource.new(ThingSpec, id), name))
        if known is None:
            assert got == "NotFoundError"
        elif (name in known.finalizers) == add:
            assert got == ""
        elif add and known.phase is not Phase.RUNNING:
            assert got == "PhaseError"
        else:
            assert got == ""
            held = (*known.finalizers, name) if add else tuple(n for n in known.finalizers if n != name)
            self.model[id] = replace(known, finalizers=held, version=known.version + 1)

    @rule(id=IDS, owner=OWNERS)
    def destroy(self, id: str, owner: str) -> None:
        known = self.model.get(id)
        got = self.outcome(self.state.destroy(ThingSpec, id, owner=owner))
        if known is None:
            assert got == "NotFoundError"
        elif known.owner != owner:
            assert got == "OwnerError"
        elif known.finalizers:
            assert got == "PendingFinalizersError"
        else:
            assert got == ""
            del self.model[id]

    @invariant()
    def contents_agree(self) -> None:
        listed = self.run(self.state.list(ThingSpec))
        assert {r.id: entry_of(r) for r in listed} == self.model

    @invariant()
    def watcher_saw_all(self) -> None:
        while self.seen != self.model:
            event = self.run(anext(self.events))
            assert event.md is not None
            if event.kind is EventKind.DESTROYED:
                assert self.seen.pop(event.md.id) == entry_of(event.resource)
            else:
                assert (event.md.id in self.seen) == (event.kind is EventKind.UPDATED)
                if event.old is not None:
                    assert entry_of(event.old) == self.seen[event.md.id]
                self.seen[event.md.id] = entry_of(event.resource)
        assert self.events.pending() == 0

    def teardown(self) -> None:
        self.events.close()
        self.run(self.stack.aclose())
        self.run(asyncio.sleep(0))
        self.loop.close()


class InMemoryMachine(StateMachine):
    """In one process."""

    async def open(self) -> State:
        return InMemoryState()


class RemoteMachine(StateMachine):
    """Over a unix socket."""

    async def open(self) -> State:
        path = Path(self.stack.enter_context(tempfile.TemporaryDirectory())) / "state.sock"
        await self.stack.enter_async_context(StateSocket(InMemoryState(), path, lambda uid: FullAccess()))
        return await self.stack.enter_async_context(RemoteState(path))


class FollowedMachine(RemoteMachine):
    """Over a unix socket, reading what the process already knows."""

    async def open(self) -> State:
        state = await super().open()
        state.follow(ThingSpec)
        await state.settle()
        return state


@pytest.mark.parametrize(("machine", "examples"), [(InMemoryMachine, 60), (RemoteMachine, 12), (FollowedMachine, 30)])
def test_state_agrees_with_the_model(machine: type[StateMachine], examples: int) -> None:
    """See the module."""

    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        ),
    )
