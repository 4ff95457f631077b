"""The node's side of the slots: what is refused, what a boot is judged by, and what is remembered after a power cut."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from talos.environment import NodeEnvironment
from talos.machined import upgrade_history as history
from talos.machined import upgrades
from talos.machined.node import Node
from talos.machined.upgrades import NO_WORD, UpgradeError
from talos.resources.enums import MachineStage
from talos.resources.runtime import MachineStatusSpec, MachineStatusStatus, UnmetCondition
from talos.resources.v1alpha1 import ServiceSpec
from talos.slots import payload
from talos.slots.booted import BOOTED_ENTRY, TRIAL_LIMIT, trial_limit_s
from talos.slots.entry import Entry
from talos.slots.folder import BOOTS, FAILURE, LINUX, BootFolder
from talos.state.inmemory import InMemoryState


class Machine:
    """A boot folder, a STATE, and a node for each boot, with the loader in between."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for folder in ("boot/loader", f"boot/{LINUX}", "system/state", "run/machined", "var/log"):
            (root / folder).mkdir(parents=True, exist_ok=True)
        self.boot_folder = BootFolder(root / "boot")
        entry = Entry("A", "v1.14.0", BOOTS)
        self.boot_folder.file(entry).write_bytes(payload.reference(Path("/image"), entry.version))
        self.reboots: list[str] = []

    def boot(self, limit: str = "0.05", platform: str = "container") -> Node:
        entry = self.boot_folder.boot()
        (self.root / "run/machined/slot-settled").unlink(missing_ok=True)
        env = NodeEnvironment(platform, {BOOTED_ENTRY: entry.id, TRIAL_LIMIT: limit}, root=self.root)
        node = Node(env, InMemoryState())
        node.sequencer.begin = lambda name, _request: self.reboots.append(name)  # type: ignore[method-assign]
        return node

    def image(self, version: str) -> bytes:
        path = self.root / "image"
        path.write_bytes(b"hsqs" + version.encode().ljust(9000, b"."))
        payload.tag(path, version)
        return path.read_bytes()

    @property
    def slots(self) -> list[str]:
        return [entry.name for entry in self.boot_folder.entries()]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


async def chunks(data: bytes) -> AsyncIterator[bytes]:
    for at in range(0, len(data), 1000):
        yield data[at : at + 1000]


async def healthy(node: Node, stage: MachineStage = MachineStage.RUNNING, *unmet: UnmetCondition) -> None:
    await node.state.modify(ServiceSpec, "apid", lambda _: ServiceSpec(running=True, healthy=True, unknown=False))
    status = MachineStatusStatus(ready=not unmet, unmet_conditions=list(unmet))
    await node.state.modify(MachineStatusSpec, "machine", lambda _: MachineStatusSpec(stage=stage, status=status))


async def upgraded(machine: Machine, version: str = "v1.14.1") -> Node:
    """A node that has an image in the other slot and is to boot it."""
    node = machine.boot()
    await healthy(node)
    await node.upgrades.settle()
    data = machine.image(version)
    await node.upgrades.write(chunks(data), len(data), hashlib.sha256(data).digest())
    node.upgrades.arm(history.UPGRADE, "file")
    return node


def outcome(machine: Machine) -> tuple[str, str]:
    last = json.loads((machine.root / "system/state/upgrades.json").read_text())[-1]
    return last["outcome"], last["reason"]


async def test_every_boot_is_counted_and_given_back_when_the_api_answers(machine: Machine) -> None:
    node = machine.boot()
    assert machine.slots == ["talos-A-v1.14.0+2-1.efi"]
    await healthy(node, MachineStage.BOOTING)
    await node.upgrades.settle()
    assert machine.slots == ["talos-A-v1.14.0+3.efi"]


@pytest.mark.parametrize("version", ["v1.14.1", "v1.13.9", "v1.14.0"])
async def test_an_upgrade_is_confirmed_when_the_node_is_healthy(machine: Machine, version: str) -> None:
    await upgraded(machine, version)
    node = machine.boot()
    assert node.upgrades.booted is not None
    assert node.upgrades.booted.slot == "B"
    await healthy(node, MachineStage.RUNNING, UnmetCondition(name="nodeReady", reason='node "x" is cordoned'))
    await node.upgrades.settle()
    assert outcome(machine) == ("confirmed", "")
    assert machine.boot_folder.boot().slot == "B"


async def test_a_node_that_is_not_healthy_says_why_and_goes_back(machine: Machine) -> None:
    await upgraded(machine)
    node = machine.boot()
    await healthy(node, MachineStage.RUNNING, UnmetCondition(name="services", reason="kubelet not healthy"))
    await node.upgrades.settle()
    assert machine.reboots == ["reboot"]
    assert outcome(machine) == ("failed", "not healthy after 0.05 s: services: kubelet not healthy")
    back = machine.boot()
    assert back.upgrades.booted is not None
    assert back.upgrades.booted.slot == "A"
    await healthy(back)
    await back.upgrades.settle()
    assert "did not come up when it was tried" in back.upgrades.rollback_refused()
    assert machine.boot_folder.boot().slot == "A"


async def test_an_api_that_never_answers_is_the_reason(machine: Machine) -> None:
    await upgraded(machine)
    node = machine.boot()
    await node.upgrades.settle()
    assert outcome(machine) == ("failed", "not healthy after 0.05 s: the API does not answer")


@pytest.mark.parametrize("note", ["", "PID 1 ended with status 1"])
async def test_a_slot_that_ended_without_a_word_is_reported_by_the_old_one(machine: Machine, note: str) -> None:
    await upgraded(machine)
    machine.boot()
    if note:
        (machine.root / "boot" / FAILURE).write_text(json.dumps({"slot": "B", "reason": note}))
    node = machine.boot()
    await healthy(node)
    await node.upgrades.settle()
    assert outcome(machine) == ("failed", note or NO_WORD)
    assert not (machine.root / "boot" / FAILURE).exists()


async def test_a_power_cut_between_history_and_slot_is_told_from_a_failure(machine: Machine) -> None:
    node = await upgraded(machine)
    node.upgrades.folder.prefer("A", BOOTS)  # as if the slot had never been set
    node = machine.boot()
    await healthy(node)
    await node.upgrades.settle()
    assert outcome(machine)[0] == "interrupted"


async def test_a_restarted_machined_does_not_judge_again(machine: Machine) -> None:
    node = await upgraded(machine)
    before = machine.slots
    await node.upgrades.settle()
    assert machine.slots == before
    assert machine.boot_folder.boot().slot == "B"


async def test_rollback_goes_back_and_forth(machine: Machine) -> None:
    await upgraded(machine)
    for slot in ("A", "B", "A"):
        node = machine.boot()
        await healthy(node)
        await node.upgrades.settle()
        assert node.upgrades.rollback_refused() == ""
        node.upgrades.arm(history.ROLLBACK)
        assert node.upgrades.other is not None
        assert node.upgrades.other.slot == slot


def broken(change: str) -> Callable[[bytes], bytes]:
    return {
        "cut": lambda data: data[:-5000],
        "flipped": lambda data: data[:50] + bytes([data[50] ^ 1]) + data[51:],
        "other kind": lambda _data: b"MZ" + bytes(9000),
        "text": lambda _data: b"hello",
        "empty": lambda _data: b"",
    }[change]


@pytest.mark.parametrize("change", ["cut", "flipped", "other kind", "text", "empty"])
async def test_a_bad_image_changes_nothing(machine: Machine, change: str) -> None:
    node = await upgraded(machine)
    before, data = machine.slots, broken(change)(machine.image("v1.15.0"))
    with pytest.raises(UpgradeError, match="the image is refused"):
        await node.upgrades.write(chunks(data), len(data), hashlib.sha256(data).digest())
    assert machine.slots == before
    assert not (machine.boot_folder.path / ".incoming").exists()


@pytest.mark.parametrize(("size", "digest"), [(1, b""), (10**6, b""), (0, bytes(32))])
async def test_what_is_not_what_was_announced_is_refused(machine: Machine, size: int, digest: bytes) -> None:
    node = machine.boot()
    with pytest.raises(UpgradeError, match="the image is refused"):
        await node.upgrades.write(chunks(machine.image("v1.15.0")), size, digest)
    assert machine.slots == ["talos-A-v1.14.0+2-1.efi"]


async def test_more_than_fits_is_refused_before_it_comes(machine: Machine) -> None:
    node = machine.boot()
    with pytest.raises(UpgradeError, match="MiB free"):
        await node.upgrades.write(chunks(b""), 1 << 50)


async def test_while_on_trial_the_way_back_is_not_overwritten(machine: Machine) -> None:
    await upgraded(machine)
    node = machine.boot()
    node.upgrades.history.load()
    with pytest.raises(UpgradeError, match="still on trial"):
        await node.upgrades.write(chunks(machine.image("v1.15.0")))
    assert "still on trial" in node.upgrades.rollback_refused()


async def test_a_node_without_slots_says_so(make_node: Callable[..., Node]) -> None:
    node = make_node()
    await node.upgrades.settle()
    with pytest.raises(UpgradeError, match="not started from a slot"):
        await node.upgrades.write(chunks(b""))
    assert "not started from a slot" in node.upgrades.rollback_refused()


async def test_a_damaged_history_does_not_keep_a_node_from_being_confirmed(machine: Machine) -> None:
    (machine.root / "system/state/upgrades.json").write_text("[{]")
    node = machine.boot()
    await healthy(node)
    await node.upgrades.settle()
    assert machine.slots == ["talos-A-v1.14.0+3.efi"]


async def test_a_slot_that_was_confirmed_long_ago_is_left_when_it_no_longer_comes_up(machine: Machine) -> None:
    await upgraded(machine)
    for _ in range(5):
        node = machine.boot()
        assert node.upgrades.booted is not None
        assert node.upgrades.booted.slot == "B"
        await healthy(node)
        await node.upgrades.settle()
        assert "talos-B-v1.14.1+3.efi" in machine.slots
    assert [machine.boot_folder.boot().slot for _ in range(BOOTS + 1)] == ["B", "B", "B", "A"]


async def test_a_node_too_busy_for_its_own_health_check_is_asked_again_with_patience(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = machine.boot()
    await node.state.modify(ServiceSpec, "apid", lambda _: ServiceSpec(running=True, healthy=False, unknown=False))
    server = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        server.close()
        monkeypatch.setattr(upgrades, "API_PORT", port)
        assert not await node.upgrades._answers()  # nobody listens there
    server = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", port)
    async with server:
        await node.upgrades.settle()
    assert machine.slots == ["talos-A-v1.14.0+3.efi"]


async def test_a_boot_partition_that_refuses_once_is_asked_again(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upgrades, "RETRIES_S", (0.0,))
    node = machine.boot()
    await healthy(node)
    prefer, refusals = node.upgrades.folder.prefer, [OSError(5, "Input/output error")]

    def refuse_once(slot: str, boots: int) -> Entry:
        if refusals:
            raise refusals.pop()
        return prefer(slot, boots)

    monkeypatch.setattr(node.upgrades.folder, "prefer", refuse_once)
    await node.upgrades.judge_boot()
    assert machine.slots == ["talos-A-v1.14.0+3.efi"]


class Init:
    """PID 1's end of the control FIFO of a machine."""

    def __init__(self, root: Path) -> None:
        (root / "run/init").mkdir(parents=True)
        os.mkfifo(root / "run/init/control")
        (root / "run/init/root-verified").write_text("")
        self._fifo = os.open(root / "run/init/control", os.O_RDWR | os.O_NONBLOCK)

    def heard(self) -> str:
        try:
            return os.read(self._fifo, 100).decode()
        except BlockingIOError:
            return ""


async def test_pid_1_of_a_machine_hears_that_the_boot_works_when_the_api_answers(machine: Machine) -> None:
    init, node = Init(machine.root), machine.boot(platform="metal")
    (machine.root / "run/init/root-verified").unlink()
    settling = asyncio.create_task(node.upgrades.settle())
    await asyncio.sleep(0.15)
    assert init.heard() == ""
    await healthy(node, MachineStage.BOOTING)
    await asyncio.sleep(0.3)
    assert init.heard() == "confirm\n"
    assert machine.slots == ["talos-A-v1.14.0+2-1.efi"]  # its slot waits for the whole root to be read
    (machine.root / "run/init/root-verified").write_text("")
    await settling
    assert machine.slots == ["talos-A-v1.14.0+3.efi"]
    assert init.heard() == ""


async def test_pid_1_of_a_machine_without_slots_hears_it_too(machine: Machine) -> None:
    init = Init(machine.root)
    node = Node(NodeEnvironment("metal", root=machine.root), InMemoryState())
    await healthy(node, MachineStage.MAINTENANCE)
    await node.upgrades.settle()
    assert init.heard() == "confirm\n"


async def test_pid_1_keeps_its_deadline_until_a_trial_is_over(machine: Machine) -> None:
    """A machined that ends again and again begins its trial anew each time: only PID 1 counts through."""
    init = Init(machine.root)
    await upgraded(machine)
    node = machine.boot(limit="600", platform="metal")
    unmet = UnmetCondition(name="services", reason="kubelet not healthy")
    await healthy(node, MachineStage.RUNNING, unmet)
    settling = asyncio.create_task(node.upgrades.settle())
    await asyncio.sleep(0.3)
    assert init.heard() == ""
    await healthy(node)
    await settling
    assert init.heard() == "confirm\n"
    assert outcome(machine)[0] == "confirmed"


def test_how_long_a_trial_may_take() -> None:
    assert trial_limit_s({}) == 300.0
    assert trial_limit_s({}, "900") == 900.0
    assert trial_limit_s({TRIAL_LIMIT: "60"}, "900") == 60.0
    assert trial_limit_s({}, "soon") == 300.0


async def test_a_staged_upgrade_reboots_into_the_trial_as_clients_of_talos_expect(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """MachineService/Upgrade with `stage`: Talos notes what to install and reboots; ours has installed it by then."""
    from talos.api import machine_pb2
    from talos.machined.api import upgrade

    node = machine.boot()
    await healthy(node)
    await node.upgrades.settle()
    pulled: list[str] = []

    async def pull(reference: str, _space: str) -> None:
        pulled.append(reference)

    async def install(_call: object, _reference: str, _space: str) -> Entry:
        return await node.upgrades.write(chunks(machine.image("v1.14.1")))

    monkeypatch.setattr(upgrade.image_transfer, "pull", pull)
    monkeypatch.setattr(upgrade, "_install", install)
    call = SimpleNamespace(node=node)
    reply = await upgrade.upgrade(call, machine_pb2.UpgradeRequest(image="registry/x:1", stage=True))  # type: ignore[arg-type]
    assert reply.messages[0].actor_id and pulled == ["registry/x:1"]
    assert machine.reboots == ["reboot"]  # and not "upgrade", which drains first
    assert node.upgrades.history.open is not None and node.upgrades.history.open.outcome == history.STAGED
    tried = machine.boot()
    assert tried.upgrades.booted is not None and tried.upgrades.booted.version == "v1.14.1"
