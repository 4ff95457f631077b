"""Sequences: order and events, who may interrupt whom, what a restarted machined goes on with."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import pytest

from talos.controllers.runtime.stage import STAGE_ID, MachineStageSpec
from talos.machined import sequencer, tasks
from talos.machined.node import Node
from talos.machined.sequencer import LockedError
from talos.machined.sequences import SEQUENCES, TAKEOVER, Phase, Request
from talos.resources.enums import MachineStage

NodeFactory = Callable[..., Node]


class Script:
    """Sequences made of tasks that note when they run; a task named in `hang` waits until it is released."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ran: list[str] = []
        self.hang: dict[str, asyncio.Event] = {}
        self.fail: set[str] = set()
        self.cancelled: set[str] = set()
        for name in SEQUENCES:
            monkeypatch.setitem(sequencer.SEQUENCES, name, self._sequence(name))
        monkeypatch.setattr(tasks, "reboot", self._task("ended: reboot"))
        monkeypatch.setattr(tasks, "shutdown", self._task("ended: shutdown"))

        async def start_again(_node: Node) -> None:
            self.ran.append("services again")

        monkeypatch.setattr(tasks, "start_again", start_again)

    def _sequence(self, name: str) -> Callable[[Request], Sequence[Phase]]:
        phases = (Phase("first", (self._task(f"{name}-1"),)), Phase("second", (self._task(f"{name}-2"),)))
        return lambda _request: phases

    def _task(self, name: str) -> Callable[[Node, Request], object]:
        async def run(_node: Node, _request: Request) -> None:
            self.ran.append(name)
            if name in self.fail:
                raise RuntimeError(f"{name} went wrong")
            if name in self.cancelled:
                raise asyncio.CancelledError
            if name in self.hang:
                await self.hang[name].wait()

        run.__name__ = name
        return run


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Script:
    return Script(monkeypatch)


async def stage(node: Node, wanted: MachineStage) -> None:
    await asyncio.wait_for(
        node.state.wait_for(MachineStageSpec, STAGE_ID, lambda r: r.spec.stage is wanted and not r.spec.sequence), 5
    )


async def settled(node: Node) -> None:
    assert node.sequencer._task is not None
    await asyncio.wait_for(node.sequencer._task, 5)


async def test_a_node_boots_phase_by_phase_and_says_so(make_node: NodeFactory, script: Script) -> None:
    node = make_node()
    await node.sequencer.start_node()
    await stage(node, MachineStage.RUNNING)
    assert script.ran == [f"{name}-{number}" for name in ("initialize", "install", "boot") for number in (1, 2)]
    events = [str(event.payload).split() for event in node.events.snapshot()[:6]]
    assert [event[0] for event in events] == ["sequence:", "phase:", "task:", "task:", "phase:", "phase:"]


async def test_a_failed_boot_does_not_pretend_to_run(make_node: NodeFactory, script: Script) -> None:
    script.fail.add("boot-1")
    node = make_node()
    await node.sequencer.start_node()
    await settled(node)
    assert script.ran[-1] == "boot-1"
    last = node.events.snapshot()[-1].payload
    assert (last.sequence, last.error.message) == ("boot", "boot-1 went wrong")
    assert (await node.state.get(MachineStageSpec, STAGE_ID)).spec.stage is MachineStage.BOOTING


async def test_a_reboot_takes_over_from_a_boot_and_nothing_from_a_reset_but_the_end(
    make_node: NodeFactory, script: Script
) -> None:
    script.hang["boot-1"] = asyncio.Event()
    script.hang["reset-1"] = asyncio.Event()
    node = make_node()
    await node.sequencer.start_node()
    while "boot-1" not in script.ran:  # noqa: ASYNC110
        await asyncio.sleep(0.001)
    node.sequencer.begin("reset", Request(actor_id="me"))
    while "reset-1" not in script.ran:  # noqa: ASYNC110
        await asyncio.sleep(0.001)
    assert "boot-2" not in script.ran
    with pytest.raises(LockedError, match="sequence reset is running, reset may not interrupt it"):
        node.sequencer.begin("reset", Request())
    node.sequencer.begin("reboot", Request())
    await settled(node)
    assert script.ran[-2:] == ["reboot-1", "reboot-2"]
    actors = {event.actor_id for event in node.events.snapshot() if "reset" in str(event.payload)}
    assert actors == {"me"}


async def test_a_node_whose_shutdown_fails_half_way_ends_all_the_same(make_node: NodeFactory, script: Script) -> None:
    script.fail.add("shutdown-1")
    node = make_node()
    node.sequencer.begin("shutdown", Request())
    await settled(node)
    assert script.ran == ["shutdown-1", "ended: shutdown"]


async def test_a_task_that_is_cancelled_from_within_is_a_failure_and_no_interruption(
    make_node: NodeFactory, script: Script
) -> None:
    script.cancelled.add("reboot-1")
    node = make_node()
    node.sequencer.begin("reboot", Request())
    await settled(node)
    assert script.ran == ["reboot-1", "ended: reboot"]


async def test_a_restarted_machined_boots_nothing_again(make_node: NodeFactory, script: Script) -> None:
    node = make_node()
    await node.sequencer.start_node()
    await stage(node, MachineStage.RUNNING)
    script.ran.clear()
    again = make_node()
    await again.sequencer.start_node()
    await stage(again, MachineStage.RUNNING)
    assert script.ran == ["services again"]


async def test_a_restarted_machined_goes_on_with_a_reset(make_node: NodeFactory, script: Script) -> None:
    script.hang["reset-1"] = asyncio.Event()
    node = make_node()
    request = Request(graceful=False, reboot=True, wipe=("EPHEMERAL",), actor_id="me")
    node.sequencer.begin("reset", request)
    while "reset-1" not in script.ran:  # noqa: ASYNC110
        await asyncio.sleep(0.001)
    again = make_node()
    assert again.sequencer._unfinished() == ("reset", request)
    task = node.sequencer._task
    assert task is not None
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def test_the_rules_of_the_contract_are_kept() -> None:
    # The contract calls an upgrade before there is a configuration maintenanceUpgrade; here it is the same sequence.
    contract = {
        "initialize": {"reboot", "upgrade"},
        "boot": {"reboot", "reset", "upgrade"},
        "reboot": {"reboot"},
        "reset": {"reboot"},
    }
    for running, allowed in contract.items():
        assert allowed <= TAKEOVER[running]
        assert TAKEOVER[running] - allowed == {"shutdown"}


def test_a_reset_of_user_disks_alone_leaves_the_system_and_etcd() -> None:
    from talos.machined.sequences import reset

    def names(**what: object) -> list[str]:
        return [phase.name for phase in reset(Request(**what))]  # type: ignore[arg-type]

    both = names(disks=("/dev/vdb",))
    assert both.index("resetUserDisks") < both.index("reset") and "leave" in both
    alone = names(disks=("/dev/vdb",), only_disks=True, reboot=True)
    assert "resetUserDisks" in alone and not {"leave", "reset", "resetSpec"} & set(alone) and alone[-1] == "reboot"
