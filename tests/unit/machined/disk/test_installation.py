"""Installation as a step of the start: what it says of itself, and who reboots."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from talos.config import Config
from talos.linux.block import BlockDevice
from talos.machined.disk import installation
from talos.machined.disk.installer import InstallError
from talos.machined.node import Node
from talos.resources.enums import UnattendedInstallPhase
from talos.resources.runtime import UnattendedInstallStatusSpec

TEXT = """version: v1alpha1
machine: {type: worker}
cluster: {}
---
apiVersion: v1alpha1
kind: UnattendedInstallConfig
installer: {image: registry.example/talos:v1}
provisioning: {diskSelector: {match: 'disk.dev_path == "/dev/sda"'}}
"""


FIND_SOURCE = installation.find_source


@pytest.fixture
def machine(make_node: Callable[..., Node], monkeypatch: pytest.MonkeyPatch) -> Node:
    node = make_node(platform="metal")
    monkeypatch.setattr(installation.start, "RECORD", node.env.path("/run/machined/system-disk.json"))
    monkeypatch.setattr(installation, "disks", lambda: [BlockDevice("sda", size=10 << 30)])

    async def source(_node: Node, _image: str) -> Any:
        return None

    monkeypatch.setattr(installation, "find_source", source)
    return node


async def begun(node: Node, text: str = TEXT) -> asyncio.Task[None]:
    node.config.current = Config.decode(text)
    return asyncio.ensure_future(installation.run(node))


async def phase(node: Node, wanted: UnattendedInstallPhase) -> UnattendedInstallStatusSpec:
    async with asyncio.timeout(10):
        found = await node.state.wait_for(
            UnattendedInstallStatusSpec, "unattended-install", lambda spec: spec.spec.phase is wanted
        )
    return found.spec


async def ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_disk_that_is_refused_is_a_status_and_the_next_configuration_is_tried(
    machine: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    rebooted = asyncio.Event()
    taken: list[Path] = []

    def perform(_source: Any, disk: Path, _state: Path, wipe: bool, *_rest: Any, **_options: Any) -> None:
        if not wipe:
            raise InstallError(f"{disk} holds partitions (PHOTOS): name another disk, or allow to wipe it")
        taken.append(disk)

    async def reboot(_node: Node) -> None:
        rebooted.set()

    monkeypatch.setattr(installation, "perform", perform)
    monkeypatch.setattr(installation, "_reboot", reboot)
    task = await begun(machine, TEXT.replace("provisioning: {", "provisioning: {wipe: false, "))
    refused = await phase(machine, UnattendedInstallPhase.FAILED)
    assert "PHOTOS" in refused.error and refused.image == "registry.example/talos:v1"
    machine.config.current = Config.decode(TEXT)  # the document's own default allows to wipe
    async with asyncio.timeout(10):
        await rebooted.wait()
    assert taken == [Path("/dev/sda")]
    assert (await phase(machine, UnattendedInstallPhase.INSTALLING)).error == ""
    await ended(task)


async def test_the_reboot_may_be_somebody_elses(machine: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installation, "perform", lambda *_arguments, **_options: None)

    async def reboot(_node: Node) -> None:
        raise AssertionError("it was not to be rebooted")

    monkeypatch.setattr(installation, "_reboot", reboot)
    task = await begun(machine, TEXT.replace("installer:", "reboot: false\ninstaller:"))
    await phase(machine, UnattendedInstallPhase.WAITING_FOR_REBOOT)
    await asyncio.sleep(0)
    assert not task.done()
    await ended(task)


async def test_an_installed_machine_says_so(machine: Node) -> None:
    record = machine.env.path("/run/machined/system-disk.json")
    record.write_text('{"disk": "/dev/sda", "meta": "/dev/sda2", "volumes": {}}')
    await (await begun(machine))
    assert (await phase(machine, UnattendedInstallPhase.INSTALLED)).error == ""


async def test_an_image_is_fetched_once_containerd_is_up(machine: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is started beside the installation: a machine from the network found it missing, and waited for a person."""
    from grpclib import GRPCError, Status

    from talos.machined import image_transfer

    up = asyncio.Event()
    asked = []

    async def wait_up(id: str) -> None:
        asked.append(id)
        await up.wait()

    async def pull(_image: str, _space: str) -> None:
        raise GRPCError(Status.NOT_FOUND, "the registry was asked")

    monkeypatch.setattr(machine.supervisor, "wait_up", wait_up)
    monkeypatch.setattr(image_transfer, "pull", pull)
    monkeypatch.setattr(installation.medium, "available", lambda: False)
    task = asyncio.ensure_future(FIND_SOURCE(machine, "registry.example/talos:v1"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert asked == ["containerd"] and not task.done()
    up.set()
    with pytest.raises(installation.medium.MediumError, match="the registry was asked"):
        await task
    up.clear()
    monkeypatch.setattr(installation, "_FETCHER_S", 0.01)
    with pytest.raises(installation.medium.MediumError, match="containerd is not up"):
        await FIND_SOURCE(machine, "registry.example/talos:v1")
