"""Applying configurations: what is refused changes nothing, what is accepted is on disk and in the state."""

from __future__ import annotations

import asyncio
import base64
import errno
from collections.abc import Callable
from pathlib import Path

import pytest

from talos.config.generate import Input
from talos.config.secrets import Bundle
from talos.config.view.model import MachineType
from talos.controllers.runtime.stage import STAGE_ID, MachineStageSpec
from talos.environment import NodeEnvironment
from talos.linux.mount import mount, umount
from talos.machined import tasks
from talos.machined.configuration import ACTIVE, PERSISTENT, ConfigController, ConfigRejectedError, Mode
from talos.machined.node import Node
from talos.machined.sequences import Request
from talos.resources.config import MachineConfigSpec
from talos.resources.enums import MachineStage

NodeFactory = Callable[..., Node]


@pytest.fixture(scope="module")
def worker() -> bytes:
    made = Input(cluster_name="demo", endpoint="https://10.5.0.2:6443", secrets=Bundle.generate())
    return made.config(MachineType.WORKER).encode().encode()


def changed(config: bytes) -> bytes:
    return config.replace(b"debug: false", b"debug: true", 1)


async def text_of(node: Node, id: str) -> str | None:
    resource = await node.state.get_or_none(MachineConfigSpec, id)
    return None if resource is None else resource.spec.text


async def test_an_accepted_configuration_is_on_disk_and_in_force(make_node: NodeFactory, worker: bytes) -> None:
    node = make_node()
    assert node.in_maintenance
    applied = await node.config.apply(worker, Mode.AUTO)
    assert applied.details == "Applied configuration without a reboot" and applied.mode == Mode.NO_REBOOT
    assert node.env.path("/system/state/config.yaml").read_bytes() == worker
    assert await text_of(node, ACTIVE) == await text_of(node, PERSISTENT) == worker.decode()
    assert not node.in_maintenance


async def test_a_dry_run_says_what_would_change_and_changes_nothing(make_node: NodeFactory, worker: bytes) -> None:
    node = make_node()
    await node.config.apply(worker, Mode.AUTO)
    applied = await node.config.apply(changed(worker), Mode.AUTO, dry_run=True)
    head = "Dry run summary:\nApplied configuration without a reboot (skipped in dry-run).\nConfig diff:\n\n"
    assert applied.details.startswith(head + "--- a\n+++ b\n@@")
    assert "-debug: false\n+debug: true\n" in applied.details
    assert await text_of(node, ACTIVE) == worker.decode()
    same = await node.config.apply(worker, Mode.AUTO, dry_run=True)
    assert same.details.endswith("Config diff:\n\nNo changes.")


@pytest.mark.parametrize(
    ("data", "names"),
    [
        (b"", "config not found"),
        (b"machine: [", "line"),
        (b"version: v1alpha1\nmachine:\n  type: worker\n  nosuch: 1\n", "nosuch"),
        (b"version: v1alpha1\nmachine:\n  type: worker\n", "set machine.ca, or machine.acceptedCAs"),
    ],
)
async def test_a_bad_configuration_is_refused_by_field_and_changes_nothing(
    make_node: NodeFactory, worker: bytes, data: bytes, names: str
) -> None:
    node = make_node()
    await node.config.apply(worker, Mode.AUTO)
    with pytest.raises(ConfigRejectedError, match=names):
        await node.config.apply(data, Mode.AUTO)
    assert await text_of(node, ACTIVE) == await text_of(node, PERSISTENT) == worker.decode()
    assert node.env.path("/system/state/config.yaml").read_bytes() == worker


async def test_what_this_version_does_not_carry_out_is_said(make_node: NodeFactory, worker: bytes) -> None:
    node = make_node()
    assert (await node.config.apply(worker, Mode.AUTO)).warnings == ()
    asked = worker + b"---\napiVersion: v1alpha1\nkind: PCIDriverRebindConfig\nname: '0'\ntargetDriver: x\n"
    for dry_run in (True, False):
        applied = await node.config.apply(asked, Mode.AUTO, dry_run=dry_run)
        assert any("PCIDriverRebindConfig '0': this version does not carry out" in w for w in applied.warnings)


@pytest.mark.root
@pytest.mark.parametrize("mode", [Mode.AUTO, Mode.REBOOT, Mode.STAGED, Mode.TRY])
async def test_a_machine_keeps_its_type(make_node: NodeFactory, worker: bytes, mode: int) -> None:
    node = make_node()
    await node.config.apply(worker, Mode.AUTO)
    made = Input(cluster_name="demo", endpoint="https://10.5.0.2:6443", secrets=Bundle.generate())
    with pytest.raises(ConfigRejectedError, match=r"machine\.type: this node is a worker.*talosctl reset"):
        await node.config.apply(made.config(MachineType.CONTROL_PLANE).encode().encode(), mode)
    assert await text_of(node, ACTIVE) == await text_of(node, PERSISTENT) == worker.decode()


async def test_a_full_disk_changes_nothing(make_node: NodeFactory, worker: bytes) -> None:
    node = make_node()
    state = node.env.path("/system/state")
    try:
        mount("tmpfs", state, "tmpfs", 0, "size=8k")
    except OSError as error:
        if error.errno == errno.EPERM:
            pytest.skip("mounting a tmpfs needs root")
        raise
    try:
        (state / "other").write_bytes(b"x" * 8192)
        with pytest.raises(ConfigRejectedError, match=r"config.yaml: No space left on device; nothing was changed"):
            await node.config.apply(worker, Mode.AUTO)
        assert node.in_maintenance and await text_of(node, ACTIVE) is None
        assert [path.name for path in state.iterdir()] == ["other"]
    finally:
        umount(state)


async def test_staged_waits_for_the_next_boot(make_node: NodeFactory, worker: bytes) -> None:
    node = make_node()
    await node.config.apply(worker, Mode.AUTO)
    applied = await node.config.apply(changed(worker), Mode.STAGED)
    assert applied.details == "Staged configuration to be applied after the next reboot"
    assert await text_of(node, ACTIVE) == worker.decode()
    assert await text_of(node, PERSISTENT) == changed(worker).decode()
    booted = make_node()
    assert await booted.config.load() == "state"
    assert await text_of(booted, ACTIVE) == changed(worker).decode()


async def test_try_goes_back_by_itself(make_node: NodeFactory, worker: bytes) -> None:
    node = make_node()
    await node.config.apply(worker, Mode.AUTO)
    applied = await node.config.apply(changed(worker), Mode.TRY, try_timeout_s=0.05)
    assert applied.details.startswith("Applied configuration without a reboot\nThe config is applied in 'try' mode")
    assert await text_of(node, ACTIVE) == changed(worker).decode()
    await node.state.wait_for(MachineConfigSpec, ACTIVE, lambda r: r.spec.text == worker.decode())
    assert node.env.path("/system/state/config.yaml").read_bytes() == worker


async def test_try_without_a_configuration_to_go_back_to_is_refused(make_node: NodeFactory, worker: bytes) -> None:
    with pytest.raises(ConfigRejectedError, match="needs a configuration to go back to"):
        await make_node().config.apply(worker, Mode.TRY)


async def test_the_platforms_configuration_is_kept_and_loses_to_the_kept_one(
    make_node: NodeFactory, worker: bytes, tmp_path: Path
) -> None:
    node = make_node()
    user_data = {"USERDATA": base64.b64encode(worker).decode()}
    node.env = NodeEnvironment(variables=user_data, root=tmp_path)
    assert await node.config.load() == "platform"
    await node.config.apply(changed(worker), Mode.AUTO)
    again = make_node()
    again.env = node.env
    again.config = ConfigController(again)
    assert await again.config.load() == "state"
    assert await text_of(again, ACTIVE) == changed(worker).decode()


@pytest.mark.parametrize("text", ["nonsense: true\n", "", "machine: [", "machine: {type: worker}\n", "debug: true\n"])
async def test_an_unusable_kept_configuration_keeps_the_node_closed(
    make_node: NodeFactory, worker: bytes, caplog: pytest.LogCaptureFixture, text: str
) -> None:
    node = make_node()
    node.env.path("/system/state/config.yaml").write_text(text)
    loading = asyncio.create_task(tasks.loadConfig(node, Request()))
    waiting = await node.state.wait_for(MachineStageSpec, STAGE_ID)
    assert not node.in_maintenance
    assert waiting.spec.stage is MachineStage.BOOTING
    assert waiting.spec.problem.startswith("/system/state/config.yaml cannot be used: ")
    assert "the API stays closed" in caplog.text
    assert [event.payload.DESCRIPTOR.name for event in node.events.snapshot()] == ["ConfigLoadErrorEvent"]
    assert not loading.done()
    await node.config.apply(worker, Mode.AUTO)
    await asyncio.wait_for(loading, 5)
    assert not node.config.refused


async def test_a_kept_configuration_with_faults_that_an_earlier_version_let_pass_is_used(
    make_node: NodeFactory, worker: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """Applied anew it is refused; a node that was updated must not stay closed for it."""
    faulty = worker + b"---\napiVersion: v1alpha1\nkind: KmsgLogConfig\nname: no-url\n"
    node = make_node()
    node.env.path("/system/state/config.yaml").write_bytes(faulty)
    assert await node.config.load() == "state"
    assert await text_of(node, ACTIVE) == faulty.decode()
    assert "url is required" in caplog.text
    with pytest.raises(ConfigRejectedError, match="url is required"):
        await node.config.apply(changed(faulty), Mode.AUTO)


async def test_an_unusable_configuration_of_the_platform_leaves_maintenance(
    make_node: NodeFactory, tmp_path: Path
) -> None:
    node = make_node()
    node.env = NodeEnvironment(variables={"USERDATA": base64.b64encode(b"nonsense: true\n").decode()}, root=tmp_path)
    assert await node.config.load() == ""
    assert node.in_maintenance
    assert not node.config.refused


async def test_a_node_that_never_had_a_configuration_goes_to_maintenance(make_node: NodeFactory) -> None:
    node = make_node()
    loading = asyncio.create_task(tasks.loadConfig(node, Request()))
    waiting = await node.state.wait_for(MachineStageSpec, STAGE_ID)
    assert (waiting.spec.stage, waiting.spec.problem, node.in_maintenance) == (MachineStage.MAINTENANCE, "", True)
    loading.cancel()
    await asyncio.gather(loading, return_exceptions=True)
