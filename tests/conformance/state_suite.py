"""What every implementation of talos.state.State must do.

A test module runs it by a subclass with a fixture `state`:

    class TestMine(StateSuite): ...
"""

from __future__ import annotations

import asyncio
import datetime

import pytest
from tests.conformance.specs import Colour, Inner, Option, ResultSpec, ThingSpec

from talos.state import (
    AlreadyExistsError,
    ConflictError,
    Event,
    EventKind,
    NotFoundError,
    OwnerError,
    PendingFinalizersError,
    Phase,
    PhaseError,
    Resource,
    State,
    Watch,
)
from talos.state.query import Op, Term

PATIENCE_S = 5.0


async def take(watch: Watch[ThingSpec], count: int) -> list[Event[ThingSpec]]:
    """The next events of a watch."""
    async with asyncio.timeout(PATIENCE_S):
        return [await anext(watch) for _ in range(count)]


def thing(id: str, value: int = 0, **labels: str) -> Resource[ThingSpec]:
    """A resource to store."""
    return Resource.new(ThingSpec, id, ThingSpec(value=value), labels=labels)


class StateSuite:
    """The suite."""

    async def test_created_resource_is_read_back_with_version_owner_and_times(self, state: State) -> None:
        before = datetime.datetime.now(datetime.UTC)
        created = await state.create(thing("a", 7, zone="x"), owner="me")
        found = await state.get(ThingSpec, "a")
        assert found == created
        assert (found.md.version, found.md.owner, found.md.phase) == (1, "me", Phase.RUNNING)
        assert found.md.labels == {"zone": "x"} and found.spec.value == 7
        assert before <= found.md.created == found.md.updated

    async def test_every_sort_of_field_survives(self, state: State) -> None:
        spec = ThingSpec(
            value=2**62, text="ü\n\"'", items=["a", ""], inner=Inner("n", [1, 2]), maybe=Inner("m"),
            parts={"k": [Inner("p")]}, span=datetime.timedelta(hours=2, microseconds=5), colour=Colour.BLUE,
            options=Option.FAST | Option.SAFE, raw=b"\x00\xff",
        )  # fmt: skip
        await state.create(Resource.new(ThingSpec, "a", spec))
        assert (await state.get(ThingSpec, "a")).spec == spec

    async def test_unknown_id_is_not_found(self, state: State) -> None:
        with pytest.raises(NotFoundError, match=r"Things\.test\.talos\.dev\(tests/nosuch@undefined\)"):
            await state.get(ThingSpec, "nosuch")
        assert await state.get_or_none(ThingSpec, "nosuch") is None
        with pytest.raises(NotFoundError):
            await state.destroy(ThingSpec, "nosuch")
        with pytest.raises(NotFoundError):
            await state.teardown(ThingSpec, "nosuch")
        with pytest.raises(NotFoundError):
            await state.update(thing("nosuch"))

    async def test_second_creation_is_refused_and_changes_nothing(self, state: State) -> None:
        await state.create(thing("a", 1))
        with pytest.raises(AlreadyExistsError):
            await state.create(thing("a", 2))
        assert (await state.get(ThingSpec, "a")).spec.value == 1

    async def test_namespaces_are_apart(self, state: State) -> None:
        await state.create(thing("a", 1))
        other = Resource.new(ThingSpec, "a", ThingSpec(value=2), namespace="other")
        await state.create(other)
        assert (await state.get(ThingSpec, "a")).spec.value == 1
        assert (await state.get(ThingSpec, "a", namespace="other")).spec.value == 2
        assert [r.md.namespace for r in await state.list(ThingSpec)] == ["tests"]
        await state.destroy(ThingSpec, "a", namespace="other")
        assert await state.get_or_none(ThingSpec, "a") is not None

    async def test_what_is_handed_out_is_a_copy(self, state: State) -> None:
        mine = thing("a")
        mine.spec.items.append("kept")
        await state.create(mine)
        mine.spec.items.append("not stored")
        first = await state.get(ThingSpec, "a")
        first.spec.items.append("mine alone")
        first.spec.inner.counts.append(1)
        first.md.labels["x"] = "y"
        second = await state.get(ThingSpec, "a")
        assert (second.spec.items, second.spec.inner.counts, second.md.labels) == (["kept"], [], {})
        (listed,) = await state.list(ThingSpec)
        listed.spec.items.clear()
        assert (await state.get(ThingSpec, "a")).spec.items == ["kept"]

    async def test_update_raises_the_version_and_keeps_owner_and_creation(self, state: State) -> None:
        created = await state.create(thing("a"), owner="me")
        created.spec.value = 5
        updated = await state.update(created, owner="me")
        assert updated.md.version == 2 and updated.spec.value == 5
        assert updated.md.created == created.md.created <= updated.md.updated
        assert await state.get(ThingSpec, "a") == updated

    async def test_update_of_an_old_version_conflicts(self, state: State) -> None:
        old = await state.create(thing("a"))
        new = old.copy()
        new.spec.value = 1
        await state.update(new)
        old.spec.value = 2
        with pytest.raises(ConflictError):
            await state.update(old)
        assert (await state.get(ThingSpec, "a")).spec.value == 1

    async def test_only_the_owner_writes(self, state: State) -> None:
        mine = await state.create(thing("a"), owner="me")
        mine.spec.value = 1
        for other in ("", "you"):
            with pytest.raises(OwnerError):
                await state.update(mine, owner=other)
            with pytest.raises(OwnerError):
                await state.destroy(ThingSpec, "a", owner=other)
            with pytest.raises(OwnerError):
                await state.teardown(ThingSpec, "a", owner=other)
        assert (await state.get(ThingSpec, "a")).md.version == 1

    async def test_resource_being_torn_down_is_not_updated_by_default(self, state: State) -> None:
        await state.create(thing("a"))
        assert await state.teardown(ThingSpec, "a")
        going = await state.get(ThingSpec, "a")
        assert going.md.phase is Phase.TEARING_DOWN
        going.spec.value = 1
        with pytest.raises(PhaseError):
            await state.update(going)
        with pytest.raises(PhaseError):
            await state.modify(ThingSpec, "a", lambda spec: setattr(spec, "value", 1))
        with pytest.raises(PhaseError):
            await state.add_finalizer(going, "late")
        assert (await state.update(going, expected_phase=None)).spec.value == 1

    async def test_finalizers_hold_a_resource(self, state: State) -> None:
        held = await state.add_finalizer(await state.create(thing("a"), owner="me"), "one", "two")
        assert held.md.finalizers == ["one", "two"]
        assert (await state.add_finalizer(held, "one")).md.version == held.md.version
        assert not await state.teardown(ThingSpec, "a", owner="me")
        with pytest.raises(PendingFinalizersError):
            await state.destroy(ThingSpec, "a", owner="me")
        await state.remove_finalizer(held, "one")
        assert not await state.teardown(ThingSpec, "a", owner="me")
        assert (await state.remove_finalizer(held, "two")).md.finalizers == []
        assert await state.teardown(ThingSpec, "a", owner="me")
        await state.destroy(ThingSpec, "a", owner="me")
        assert await state.list(ThingSpec) == []

    async def test_list_is_ordered_and_filtered_by_labels(self, state: State) -> None:
        for id, zone, size in (("c", "x", "10"), ("a", "x", "9"), ("b", "y", "2")):
            await state.create(thing(id, zone=zone, size=size))
        await state.create(thing("d"))
        assert [r.id for r in await state.list(ThingSpec)] == ["a", "b", "c", "d"]
        assert [r.id for r in await state.list(ThingSpec, labels={"zone": "x"})] == ["a", "c"]
        small = (Term("size", Op.LESS_NUMERIC, ("10",)),)
        assert [r.id for r in await state.list(ThingSpec, labels=(small,))] == ["a", "b"]
        textual = (Term("size", Op.LESS, ("2",)),)
        assert [r.id for r in await state.list(ThingSpec, labels=(textual,))] == ["c"]
        unlabelled = (Term("zone", Op.EXISTS, invert=True),)
        y = (Term("zone", Op.IN, ("y", "z")),)
        assert [r.id for r in await state.list(ThingSpec, labels=(unlabelled, y))] == ["b", "d"]

    async def test_modify_creates_updates_and_writes_nothing_for_nothing(self, state: State) -> None:
        created = await state.modify(ThingSpec, "a", lambda spec: setattr(spec, "value", 1), owner="me")
        assert (created.md.version, created.md.owner, created.spec.value) == (1, "me", 1)
        same = await state.modify(ThingSpec, "a", lambda spec: setattr(spec, "value", 1), owner="me")
        assert same.md.version == 1
        replaced = await state.modify(ThingSpec, "a", lambda spec: ThingSpec(text="new"), owner="me", labels={"l": "1"})
        assert (replaced.md.version, replaced.spec) == (2, ThingSpec(text="new"))
        assert replaced.md.labels == {"l": "1"}
        with pytest.raises(OwnerError):
            await state.modify(ThingSpec, "a", lambda spec: setattr(spec, "value", 3))

    async def test_concurrent_modifications_all_count(self, state: State) -> None:
        def add(spec: ThingSpec) -> None:
            spec.value += 1

        await asyncio.gather(*(state.modify(ThingSpec, "a", add) for _ in range(20)))
        assert (await state.get(ThingSpec, "a")).spec.value == 20

    async def test_watch_of_a_kind_begins_with_its_contents(self, state: State) -> None:
        await state.create(thing("b", 2))
        await state.create(thing("a", 1))
        async with state.watch(ThingSpec) as events:
            first = await take(events, 3)
            assert [(e.kind, e.md and e.md.id) for e in first] == [
                (EventKind.CREATED, "a"), (EventKind.CREATED, "b"), (EventKind.BOOTSTRAPPED, None),
            ]  # fmt: skip
            await state.modify(ThingSpec, "a", lambda spec: setattr(spec, "value", 10))
            await state.create(Resource.new(ResultSpec, "other kind"))
            await state.destroy(ThingSpec, "b")
            await state.create(thing("c"))
            updated, destroyed, created = await take(events, 3)
        assert (updated.kind, updated.resource.spec.value) == (EventKind.UPDATED, 10)
        assert updated.old is not None and updated.old.spec.value == 1
        assert (destroyed.kind, destroyed.resource.spec.value) == (EventKind.DESTROYED, 2)
        assert (created.kind, created.resource.id) == (EventKind.CREATED, "c")

    async def test_watch_without_bootstrap_shows_changes_only(self, state: State) -> None:
        await state.create(thing("a"))
        async with state.watch(ThingSpec, bootstrap=False) as events:
            reader = asyncio.create_task(take(events, 1))
            while not reader.done():
                await state.modify(ThingSpec, "b", lambda spec: setattr(spec, "value", spec.value + 1))
                await asyncio.sleep(0)
            assert (await reader)[0].resource.id == "b"

    async def test_watch_of_an_id_begins_with_its_value_or_its_absence(self, state: State) -> None:
        await state.create(thing("other"))
        async with state.watch(ThingSpec, "a") as events:
            (absent,) = await take(events, 1)
            assert absent.kind is EventKind.DESTROYED and absent.absent and absent.md is not None
            await state.modify(ThingSpec, "other", lambda spec: setattr(spec, "value", 1))
            await state.create(thing("a", 1))
            (created,) = await take(events, 1)
            assert (created.kind, created.resource.spec.value) == (EventKind.CREATED, 1)
        async with state.watch(ThingSpec, "a") as events:
            (current,) = await take(events, 1)
            assert (current.kind, current.resource.spec.value) == (EventKind.CREATED, 1)
            await state.destroy(ThingSpec, "a")
            (destroyed,) = await take(events, 1)
            assert destroyed.kind is EventKind.DESTROYED and not destroyed.absent

    async def test_watch_through_labels_sees_what_enters_and_leaves(self, state: State) -> None:
        await state.create(thing("in", on="1"))
        await state.create(thing("out"))
        async with state.watch(ThingSpec, labels={"on": "1"}) as events:
            first = await take(events, 2)
            assert [(e.kind, e.md and e.md.id) for e in first] == [
                (EventKind.CREATED, "in"), (EventKind.BOOTSTRAPPED, None),
            ]  # fmt: skip
            await state.modify(ThingSpec, "out", lambda spec: None, labels={"on": "1"})
            await state.modify(ThingSpec, "in", lambda spec: None, labels={"on": "2"})
            await state.modify(ThingSpec, "in", lambda spec: None, labels={"on": "3"})
            await state.modify(ThingSpec, "out", lambda spec: setattr(spec, "value", 4))
            rest = await take(events, 3)
        assert [(e.kind, e.md and e.md.id) for e in rest] == [
            (EventKind.CREATED, "out"), (EventKind.DESTROYED, "in"), (EventKind.UPDATED, "out"),
        ]  # fmt: skip

    async def test_events_are_copies(self, state: State) -> None:
        async with state.watch(ThingSpec) as events:
            await take(events, 1)
            await state.create(thing("a"))
            (event,) = await take(events, 1)
            event.resource.spec.items.append("x")
            assert event.resource.spec.items == []
            assert (await state.get(ThingSpec, "a")).spec.items == []

    async def test_wait_for_sees_current_and_future_values(self, state: State) -> None:
        waiting = asyncio.create_task(state.wait_for(ThingSpec, "a", lambda r: r.spec.value == 3))
        for value in (1, 2, 3, 4):
            await asyncio.sleep(0)
            await state.modify(ThingSpec, "a", lambda spec, v=value: setattr(spec, "value", v))  # type: ignore[misc]
            if value == 3:
                async with asyncio.timeout(PATIENCE_S):
                    assert (await waiting).spec.value == 3
        async with asyncio.timeout(PATIENCE_S):
            assert (await state.wait_for(ThingSpec, "a")).spec.value == 4
            gone = asyncio.create_task(state.wait_gone(ThingSpec, "a"))
            await asyncio.sleep(0)
            assert not gone.done()
            await state.destroy(ThingSpec, "a")
            await gone
            await state.wait_gone(ThingSpec, "a")

    async def test_subscription_tells_of_changes_until_it_is_closed(self, state: State) -> None:
        all_things, one = asyncio.Event(), asyncio.Event()
        first = state.subscribe(ThingSpec, all_things.set)
        second = state.subscribe(ThingSpec, one.set, id="a")
        await state.settle()
        async with asyncio.timeout(PATIENCE_S):
            await state.create(thing("b"))
            await all_things.wait()
            assert not one.is_set()
            await state.create(thing("a"))
            await one.wait()
        first.close()
        second.close()
        second.close()
        all_things.clear()
        one.clear()
        await state.destroy(ThingSpec, "a")
        await asyncio.sleep(0.01)
        assert not all_things.is_set() and not one.is_set()
