"""The controller runtime on an in-memory state and a clock that only tests move."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import ClassVar

import pytest
from tests.conformance.specs import ResultSpec, SecretSpec, ThingSpec
from tests.unit.state.fake_clock import FakeClock, settle

from talos.state import (
    EXCLUSIVE,
    SHARED,
    STRONG,
    AccessError,
    Controller,
    ControllerRuntime,
    InMemoryState,
    Input,
    NotFoundError,
    Output,
    Phase,
    Resource,
    Runtime,
)

Reconcile = Callable[["Probe", Runtime], object]


class Probe(Controller):
    """Counts its runs and does what the test says."""

    name = "test.Probe"
    inputs = (Input(ThingSpec),)
    outputs = (Output(ResultSpec),)
    steps: ClassVar[Callable[[Runtime], object] | None] = None

    def __init__(self) -> None:
        self.runs = 0

    async def reconcile(self, rt: Runtime) -> None:
        self.runs += 1
        step = type(self).steps
        if step is not None:
            result = step(rt)
            if asyncio.iscoroutine(result):
                await result


def probe(step: Callable[[Runtime], object] | None = None, **body: object) -> Probe:
    """A probe with other declarations."""
    declared = {"steps": staticmethod(step) if step else None, **body}
    kind: type[Probe] = type("Probe", (Probe,), declared)
    return kind()


def runtime(state: InMemoryState, clock: FakeClock, *controllers: Controller) -> ControllerRuntime:
    return ControllerRuntime(state, controllers, clock=clock)


async def test_runs_once_at_start_and_sleeps_without_a_timer(clock: FakeClock) -> None:
    state, sleeper = InMemoryState(), probe()
    async with runtime(state, clock, sleeper):
        await settle()
        assert sleeper.runs == 1
        await clock.advance(3600)
        assert (sleeper.runs, clock.timers) == (1, 0)


async def test_many_changes_while_it_works_make_one_more_run(clock: FakeClock) -> None:
    state, working, go_on = InMemoryState(), asyncio.Event(), asyncio.Event()

    async def work(rt: Runtime) -> None:
        working.set()
        await go_on.wait()

    worker = probe(work)
    async with runtime(state, clock, worker):
        await working.wait()
        for number in range(50):
            await state.create(Resource.new(ThingSpec, str(number)))
        go_on.set()
        await settle()
        assert worker.runs == 2


async def test_other_ids_and_namespaces_do_not_wake_it(clock: FakeClock) -> None:
    state, picky = InMemoryState(), probe(inputs=(Input(ThingSpec, id="a"),))
    async with runtime(state, clock, picky):
        await settle()
        await state.create(Resource.new(ThingSpec, "b"))
        await state.create(Resource.new(ThingSpec, "a", namespace="other"))
        await settle()
        assert picky.runs == 1
        await state.create(Resource.new(ThingSpec, "a"))
        await settle()
        assert picky.runs == 2


async def test_failure_restarts_it_after_growing_delays_and_success_resets_them(
    clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    failing = True

    def fail(rt: Runtime) -> None:
        if failing:
            raise OSError("no such link")

    state, patient = InMemoryState(), probe(fail)
    with caplog.at_level(logging.ERROR, "controller-runtime"):
        async with runtime(state, clock, patient):
            await settle()
            assert patient.runs == 1
            delays = []
            for _ in range(14):
                start, runs = clock.monotonic(), patient.runs
                while patient.runs == runs:
                    await clock.advance(0.05)
                delays.append(clock.monotonic() - start)
            assert delays[0] < 0.2 and 20 < delays[-1] < 40
            assert "test.Probe" in caplog.records[0].name and "no such link" in caplog.text
            failing = False
            while patient.runs < 16:
                await clock.advance(1)
            failing = True
            await state.create(Resource.new(ThingSpec, "a"))
            await settle()
            runs = patient.runs
            await clock.advance(0.2)
            assert patient.runs == runs + 1


async def test_one_failing_controller_leaves_the_others_alone(clock: FakeClock) -> None:
    def fail(rt: Runtime) -> None:
        raise RuntimeError

    state, bad, good = InMemoryState(), probe(fail, name="test.Bad", outputs=()), probe()
    async with runtime(state, clock, bad, good):
        await settle()
        await state.create(Resource.new(ThingSpec, "a"))
        await settle()
        assert good.runs == 2


async def test_requeue_and_trigger(clock: FakeClock) -> None:
    state, seen = InMemoryState(), []

    def again(rt: Runtime) -> None:
        seen.append(clock.monotonic())
        if len(seen) == 1:
            rt.requeue_after(30)
            rt.requeue_after(10)
            rt.requeue_after(20)
        elif len(seen) == 2:
            rt.trigger()

    async with runtime(state, clock, probe(again)):
        await clock.advance(9.9)
        assert seen == [0]
        await clock.advance(60)
        assert seen == [0, 10, 10]


async def test_undeclared_types_are_refused(clock: FakeClock) -> None:
    state, refused = InMemoryState(), []

    async def reach_out(rt: Runtime) -> None:
        secret = Resource.new(SecretSpec, "s")
        attempts = (
            lambda: rt.get(SecretSpec, "s"), lambda: rt.get_or_none(SecretSpec, "s"), lambda: rt.list(SecretSpec),
            lambda: rt.list(ThingSpec), lambda: rt.get(ThingSpec, "b"), lambda: rt.get(ThingSpec, "a", namespace="x"),
            lambda: rt.create(secret), lambda: rt.modify(ThingSpec, "a", lambda s: None),
            lambda: rt.destroy(SecretSpec, "s"), lambda: rt.keep_only(SecretSpec, ()),
            lambda: rt.add_finalizer(Resource.new(ThingSpec, "a")),
        )  # fmt: skip
        for attempt in attempts:
            try:
                await attempt()
            except AccessError as error:
                refused.append(str(error))
        await rt.get_or_none(ThingSpec, "a")
        await rt.list(ResultSpec)

    async with runtime(state, clock, probe(reach_out, inputs=(Input(ThingSpec, id="a"),))):
        await settle()
    assert len(refused) == 11
    assert all("test.Probe" in text for text in refused)


async def test_outputs_carry_its_name_and_keep_only_removes_the_rest(clock: FakeClock) -> None:
    async def mirror(rt: Runtime) -> None:
        things = await rt.list(ThingSpec)
        for thing in things:
            await rt.modify(ResultSpec, thing.id, lambda spec: setattr(spec, "total", 1))
        await rt.keep_only(ResultSpec, [thing.id for thing in things])

    state = InMemoryState()
    await state.create(Resource.new(ResultSpec, "foreign"), owner="somebody")
    await state.create(Resource.new(ResultSpec, "stale"), owner="test.Probe")
    await state.create(Resource.new(ThingSpec, "a"))
    async with runtime(state, clock, probe(mirror, outputs=(Output(ResultSpec, SHARED),))):
        await settle()
        assert [(r.id, r.md.owner) for r in await state.list(ResultSpec)] == [
            ("a", "test.Probe"), ("foreign", "somebody"),
        ]  # fmt: skip


async def test_held_output_goes_when_it_is_let_go(clock: FakeClock) -> None:
    async def keep_none(rt: Runtime) -> None:
        await rt.keep_only(ResultSpec, ())

    state = InMemoryState()
    held = await state.add_finalizer(await state.create(Resource.new(ResultSpec, "r"), owner="test.Probe"), "user")
    async with runtime(state, clock, probe(keep_none)):
        await settle()
        assert (await state.get(ResultSpec, "r")).md.phase is Phase.TEARING_DOWN
        await state.remove_finalizer(held, "user")
        await settle()
        with pytest.raises(NotFoundError):
            await state.get(ResultSpec, "r")


async def test_strong_input_may_be_held(clock: FakeClock) -> None:
    async def hold(rt: Runtime) -> None:
        for thing in await rt.list(ThingSpec):
            if thing.md.phase is Phase.RUNNING:
                await rt.add_finalizer(thing)
            else:
                await rt.remove_finalizer(thing)

    state = InMemoryState()
    async with runtime(state, clock, probe(hold, inputs=(Input(ThingSpec, STRONG),))):
        await state.create(Resource.new(ThingSpec, "a"), owner="other")
        await settle()
        assert (await state.get(ThingSpec, "a")).md.finalizers == ["test.Probe"]
        await state.teardown(ThingSpec, "a", owner="other")
        await settle()
        await state.destroy(ThingSpec, "a", owner="other")


async def test_spawned_task_dies_with_the_controller_and_fails_it(clock: FakeClock) -> None:
    state, fail, ended = InMemoryState(), asyncio.Event(), []

    async def child() -> None:
        try:
            await fail.wait()
            raise ValueError("the child failed")
        finally:
            ended.append(1)

    spawner = probe(lambda rt: rt.spawn(child()))
    async with runtime(state, clock, spawner):
        await settle()
        fail.set()
        await settle()
        assert (spawner.runs, len(ended)) == (1, 1)
        fail.clear()
        await clock.advance(1)
        assert spawner.runs == 2
    assert len(ended) == 2


async def test_run_may_be_overridden_for_long_lived_work(clock: FakeClock) -> None:
    seen: list[str] = []

    class Follower(Controller):
        name = "test.Follower"
        inputs = (Input(ThingSpec),)

        async def run(self, rt: Runtime) -> None:
            async for _ in rt.events():
                seen.append(",".join(r.id for r in await rt.list(ThingSpec)))

    state = InMemoryState()
    async with runtime(state, clock, Follower()):
        await settle()
        await state.create(Resource.new(ThingSpec, "a"))
        await settle()
    assert seen == ["", "a"]


async def test_stopping_cancels_a_run_in_the_middle(clock: FakeClock) -> None:
    cancelled: list[int] = []

    async def hang(rt: Runtime) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(1)
            raise

    controllers = runtime(InMemoryState(), clock, probe(hang))
    controllers.start()
    await settle()
    await controllers.stop()
    assert cancelled == [1]


def test_exclusive_output_has_one_writer() -> None:
    one, two = probe(name="test.One"), probe(name="test.Two")
    with pytest.raises(ValueError, match=r"Results\.test\.talos\.dev.*test\.One.*test\.Two"):
        ControllerRuntime(InMemoryState(), [one, two])
    shared = (Output(ResultSpec, SHARED),)
    mixed = [probe(name="test.One", outputs=shared), probe(name="test.Two", outputs=(Output(ResultSpec, EXCLUSIVE),))]
    with pytest.raises(ValueError, match="exclusive"):
        ControllerRuntime(InMemoryState(), mixed)
    ControllerRuntime(InMemoryState(), [probe(name="test.One", outputs=shared), probe(name="test.Two", outputs=shared)])
    with pytest.raises(ValueError, match="two controllers are called"):
        ControllerRuntime(InMemoryState(), [probe(), probe(outputs=())])
