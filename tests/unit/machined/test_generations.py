"""What a node was given: kept with time and author, shown without secrets, restored, confirmed or gone back from."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from grpclib import GRPCError, Status

from talos import rbac
from talos.api import machine_pb2
from talos.api import pytalos_config_pb2 as pb
from talos.config.generate import Input
from talos.config.secrets import Bundle
from talos.config.view.model import MachineType
from talos.machined.api import configuration as api
from talos.machined.configuration import ConfigController, Mode, Terms
from talos.machined.confirmation import MAX_S, Deadline, DeadlineFile, Moment
from talos.machined.generations import KEPT, Generation, GenerationError, Generations
from talos.machined.node import Node
from talos.machined.rpc import Call
from talos.transport.identity import CALLER_KEY, Identity

NodeFactory = Callable[..., Node]
ALICE = Identity("alice", ("os:admin",), "1f", "ab" * 32, "10.5.0.9:4711")


@pytest.fixture(scope="module")
def worker() -> str:
    made = Input(cluster_name="demo", endpoint="https://10.5.0.2:6443", secrets=Bundle.generate())
    return made.config(MachineType.WORKER).encode()


def with_sysctl(text: str, value: int) -> bytes:
    return f"{text}---\napiVersion: v1alpha1\nkind: SysctlConfig\nparams: {{net.core.somaxconn: '{value}'}}\n".encode()


def call(node: Node, who: Identity = ALICE) -> Call:
    return Call(node, "/x", frozenset({rbac.ADMIN}), {CALLER_KEY: who.encode()})


async def history(node: Node) -> pb.HistoryResponse:
    return await api.history(call(node), pb.HistoryRequest())


async def test_every_configuration_is_kept_with_its_author(make_node: NodeFactory, worker: str) -> None:
    node = make_node()
    plain = machine_pb2.ApplyConfigurationRequest(data=worker.encode(), mode="AUTO")
    await api.apply_configuration(call(node, Identity(peer="10.5.0.1:1")), plain)  # maintenance: nobody is known
    await api.apply_configuration(
        call(node), machine_pb2.ApplyConfigurationRequest(data=with_sysctl(worker, 1), mode="NO_REBOOT")
    )
    said = await history(node)
    assert said.current == 2
    assert [(g.number, g.origin, g.mode, g.author.common_name) for g in said.generations] == [
        (2, "apply", "no_reboot", "alice"),
        (1, "apply", "no_reboot", ""),
    ]
    assert said.generations[0].author.fingerprint == "ab" * 32
    assert abs(said.generations[0].time.seconds - node.env.clock.now().timestamp()) < 60
    assert said.generations[1].author.peer == "10.5.0.1:1"
    assert (tmp := node.env.path("/system/state/generations")).stat().st_mode & 0o777 == 0o700
    assert {p.stat().st_mode & 0o777 for p in tmp.iterdir()} == {0o600}


async def test_the_last_twenty_are_kept(make_node: NodeFactory, worker: str) -> None:
    node = make_node()
    for value in range(KEPT + 3):
        await node.config.apply(with_sysctl(worker, value), Mode.AUTO)
    assert node.config.disk.generations.numbers() == list(range(4, KEPT + 4))
    with pytest.raises(GenerationError, match="no generation 3: kept are 4 to 23"):
        node.config.disk.generations.get(3)


async def test_a_dry_run_and_a_refusal_are_no_generation(make_node: NodeFactory, worker: str) -> None:
    node = make_node()
    await node.config.apply(worker.encode(), Mode.AUTO)
    await node.config.apply(with_sysctl(worker, 1), Mode.AUTO, dry_run=True)
    with pytest.raises(Exception, match="line"):
        await node.config.apply(b"machine: [", Mode.AUTO)
    assert (await history(node)).current == 1
    assert node.config.disk.generations.numbers() == [1]


async def test_one_that_was_tried_is_in_the_history_and_never_current(make_node: NodeFactory, worker: str) -> None:
    node = make_node()
    await node.config.apply(worker.encode(), Mode.AUTO)
    await node.config.apply(with_sysctl(worker, 1), Mode.TRY, terms=Terms(ALICE))
    said = await history(node)
    assert [(g.number, g.mode) for g in said.generations] == [(2, "try"), (1, "no_reboot")]
    assert said.current == 1
    node.config._cancel_try()


async def test_a_diff_shows_the_change_and_no_secret(make_node: NodeFactory, worker: str) -> None:
    node = make_node()
    await node.config.apply(worker.encode(), Mode.AUTO)
    token = next(line.split()[1] for line in worker.splitlines() if line.strip().startswith("token:"))
    await node.config.apply(with_sysctl(worker.replace(token, "abcdef.0123456789abcdef"), 7), Mode.AUTO)
    said = await api.diff(call(node), pb.DiffRequest())
    assert "net.core.somaxconn" in said.text
    assert "token: REDACTED" in said.text
    assert token not in said.text
    assert "0123456789abcdef" not in said.text
    assert said.text.startswith("--- generation 1\n+++ generation 2\n")
    assert (await api.diff(call(node), pb.DiffRequest(**{"from": 2, "to": 2}))).text == ""
    with pytest.raises(GRPCError, match="no generation 9") as caught:
        await api.diff(call(node), pb.DiffRequest(to=9))
    assert caught.value.status is Status.NOT_FOUND


async def test_a_generation_is_restored(make_node: NodeFactory, worker: str) -> None:
    node = make_node()
    await node.config.apply(worker.encode(), Mode.AUTO)
    await node.config.apply(with_sysctl(worker, 7), Mode.AUTO)
    request = pb.RestoreRequest(generation=1, terms=pb.Terms(mode="AUTO"))
    answer = await api.restore(call(node), request)
    assert answer.generation == 3
    assert node.config.current is not None
    assert node.config.current.text == worker
    newest = (await history(node)).generations[0]
    assert (newest.origin, newest.restored, newest.author.common_name) == ("restore", 1, "alice")
    with pytest.raises(GRPCError, match="no generation 8"):
        await api.restore(call(node), pb.RestoreRequest(generation=8, terms=pb.Terms(mode="AUTO")))


async def apply(node: Node, data: bytes, **terms: Any) -> pb.ApplyResponse:
    within = terms.pop("within", 0)
    request = pb.ApplyRequest(data=data, terms=pb.Terms(mode=terms.pop("mode", "AUTO"), **terms))
    if within:
        request.terms.confirm_within.FromSeconds(within)
    return await api.apply(call(node), request)


async def test_a_configuration_is_confirmed(make_node: NodeFactory, worker: str) -> None:
    node = make_node()
    await node.config.apply(worker.encode(), Mode.AUTO)
    answer = await apply(node, with_sysctl(worker, 7), within=60)
    assert (answer.generation, answer.back_to) == (2, 1)
    assert 55 < answer.confirm_until.seconds - node.env.clock.now().timestamp() <= 61
    assert 50 < (await history(node)).confirm_left.seconds <= 60
    with pytest.raises(GRPCError, match="generation 1 is not in force: generation 2 is"):
        await api.confirm(call(node), pb.ConfirmRequest(generation=1))
    assert (await api.confirm(call(node), pb.ConfirmRequest(generation=2))).generation == 2
    assert not (await history(node)).HasField("confirm_left")
    assert not node.env.path("/system/state/unconfirmed.json").exists()
    with pytest.raises(GRPCError, match="is final") as caught:
        await api.confirm(call(node), pb.ConfirmRequest())
    assert caught.value.status is Status.FAILED_PRECONDITION


async def test_it_goes_back_by_itself_to_the_last_confirmed(make_node: NodeFactory, worker: str) -> None:
    node = make_node()
    await node.config.apply(worker.encode(), Mode.AUTO)
    await node.config.apply(with_sysctl(worker, 7), Mode.AUTO, terms=Terms(ALICE, confirm_within_s=60))
    await node.config.apply(with_sysctl(worker, 8), Mode.AUTO, terms=Terms(ALICE, confirm_within_s=0.05))
    from talos.resources.config import MachineConfigSpec

    await node.state.wait_for(MachineConfigSpec, "v1alpha1", lambda r: r.spec.text == worker)
    said = await history(node)
    assert next((g.number, g.origin, g.restored) for g in said.generations) == (4, "revert", 1)
    assert said.current == 4
    assert node.env.path("/system/state/config.yaml").read_text() == worker


async def test_a_plain_apply_ends_the_waiting(make_node: NodeFactory, worker: str) -> None:
    node = make_node()
    await node.config.apply(worker.encode(), Mode.AUTO)
    await apply(node, with_sysctl(worker, 7), within=60)
    await apply(node, with_sysctl(worker, 8))
    assert node.config.deadline is None
    assert not node.env.path("/system/state/unconfirmed.json").exists()


async def test_what_is_in_force_already_is_no_new_generation(make_node: NodeFactory, worker: str) -> None:
    """A job that applies the same file every hour must not push out of the history what a person may want back."""
    node = make_node()
    first = Identity("first", ("os:admin",))
    await node.config.apply(worker.encode(), Mode.AUTO, terms=Terms(first))
    before = await history(node)
    assert (await node.config.apply(worker.encode(), Mode.AUTO, terms=Terms(ALICE))).generation == 1
    assert (await node.config.apply(worker.encode(), Mode.STAGED, terms=Terms(ALICE))).generation == 1
    assert await history(node) == before
    assert before.generations[0].author.common_name == "first"
    await node.config.apply(with_sysctl(worker, 7), Mode.AUTO)
    await node.config.apply(worker.encode(), Mode.AUTO)  # a change back is a change
    assert [g.number for g in (await history(node)).generations] == [3, 2, 1]


async def test_to_confirm_what_is_in_force_already_has_nothing_to_go_back_to(
    make_node: NodeFactory, worker: str
) -> None:
    node = make_node()
    await node.config.apply(worker.encode(), Mode.AUTO)
    answer = await apply(node, worker.encode(), within=60)
    assert (answer.generation, answer.back_to, answer.HasField("confirm_until")) == (1, 0, False)
    assert node.config.deadline is None


async def test_the_same_again_moves_or_ends_the_waiting(make_node: NodeFactory, worker: str) -> None:
    node = make_node()
    await node.config.apply(worker.encode(), Mode.AUTO)
    await apply(node, with_sysctl(worker, 7), within=60)
    answer = await apply(node, with_sysctl(worker, 7), within=600)
    assert (answer.generation, answer.back_to) == (2, 1)
    assert (await history(node)).confirm_left.seconds > 500
    _, kept = node.config.disk.settle()  # what a node that starts again would find
    assert kept is not None
    assert (kept.back_to, kept.window_s) == (1, 600)
    assert (await apply(node, with_sysctl(worker, 7))).generation == 2
    assert node.config.deadline is None
    assert node.config.disk.settle()[1] is None


@pytest.mark.parametrize(
    ("data", "terms", "words"),
    [
        ("first", {"within": 60}, "no configuration to go back to"),
        ("second", {"within": 60, "mode": "STAGED"}, "staged or tried"),
        ("second", {"within": 60, "mode": "TRY"}, "staged or tried"),
        ("second", {"within": 5}, "possible is 10 s to 24 h"),
        ("second", {"within": int(MAX_S) + 1}, "possible is 10 s to 24 h"),
        ("second", {"force_guards": ["nonsense"]}, "there is no guard nonsense; guards are machine-type,"),
    ],
)
async def test_terms_that_make_no_sense_are_refused(
    make_node: NodeFactory, worker: str, data: str, terms: dict[str, Any], words: str
) -> None:
    node = make_node()
    if data == "second":
        await node.config.apply(worker.encode(), Mode.AUTO)
    with pytest.raises(GRPCError, match=words):
        await apply(node, with_sysctl(worker, 1), **terms)
    assert len(node.config.disk.generations.numbers()) == (data == "second")


async def test_a_configuration_from_before_generations_were_kept_is_found(make_node: NodeFactory, worker: str) -> None:
    node = make_node()
    node.env.path("/system/state/config.yaml").write_text(worker)
    await node.config.load()
    said = await history(node)
    assert [(g.number, g.origin) for g in said.generations] == [(1, "found")]
    again = make_node()
    again.config = ConfigController(again)
    await again.config.load()
    assert [g.number for g in (await history(again)).generations] == [1]


def test_a_damaged_generation_is_named_and_the_others_stay(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    kept = Generations(tmp_path / "generations")
    for number in (1, 2):
        kept.add(Generation(number, 1.0, "apply", f"text {number}", "auto", ALICE))
    (tmp_path / "generations/0000000002.json").write_text("{")
    with pytest.raises(GenerationError, match=r"generation 2 cannot be read from .*0000000002.json"):
        kept.get(2)
    assert [g.text for g in kept.newest_first()] == ["text 1"]
    assert kept.get(1).author == ALICE
    assert "generation 2 cannot be read" in caplog.text


@pytest.mark.parametrize(
    ("wall", "boot", "boot_id", "left"),
    [
        (1000, 500, "a", 60),
        (1000, 530, "a", 30),
        (9000, 530, "a", 30),  # the clock was set: boot time counts
        (1000, 600, "a", 0),
        (1040, 3, "b", 20),
        (1100, 3, "b", 0),
        (10, 3, "b", 60),  # a clock that forgot the time: late, but certain
    ],
)
def test_seconds_left(wall: float, boot: float, boot_id: str, left: float) -> None:
    deadline = Deadline(1, 60.0, Moment(1000.0, 500.0, "a"))
    assert deadline.left_s(Moment(wall, boot, boot_id)) == left


def test_a_damaged_deadline_is_said(tmp_path: Path) -> None:
    file = DeadlineFile(tmp_path / "unconfirmed.json")
    assert file.read() is None
    file.write(Deadline(3, 60.0, Moment(1.0, 2.0, "a")))
    assert file.read() == Deadline(3, 60.0, Moment(1.0, 2.0, "a"))
    (tmp_path / "unconfirmed.json").write_text("[]")
    with pytest.raises(ValueError, match="cannot be read"):
        file.read()
