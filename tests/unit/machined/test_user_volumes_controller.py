"""Volumes of the user as resources, on a real state: what is shown of them on a machine and in a container."""

from __future__ import annotations

import asyncio
import functools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.unit.machined.disk.conftest import attached
from tests.unit.machined.disk.loop_disk import GIB, needs_loop

from talos.config import Config
from talos.config.carried_out import unsupported
from talos.controllers.block import started
from talos.controllers.block.mount import MountController
from talos.controllers.block.user_volume_config import UserVolumeConfigController
from talos.controllers.block.volume_config import VolumeConfigController
from talos.controllers.block.volume_manager import VolumeManagerController
from talos.environment import NodeEnvironment
from talos.linux import block, gpt
from talos.linux.disk_io import OpenDisk
from talos.linux.mount import mounted_at
from talos.machined.controllers.user_volumes import UserVolumesController
from talos.machined.disk import user_volumes
from talos.resources.block import MountStatusSpec, VolumeConfigSpec, VolumeStatusSpec
from talos.resources.config import MachineConfigSpec
from talos.resources.enums import FilesystemType, VolumePhase, VolumeType
from talos.state.controller_runtime import ControllerRuntime
from talos.state.inmemory import InMemoryState
from talos.state.resource import Resource

HEAD = "version: v1alpha1\nmachine: {type: worker}\n"
CONTROLLERS = (
    VolumeConfigController, UserVolumeConfigController, VolumeManagerController, MountController, UserVolumesController,
)  # fmt: skip


def document(text: str) -> str:
    return f"---\napiVersion: v1alpha1\nkind: UserVolumeConfig\n{text}\n"


FOLDER = document("name: folder\nvolumeType: directory")
DATA = document("name: data\nprovisioning: {diskSelector: {match: '!system_disk'}, minSize: 1GiB}")


async def within(awaitable: Any) -> Any:
    return await asyncio.wait_for(awaitable, 20)


async def configure(state: InMemoryState, text: str) -> None:
    def change(spec: MachineConfigSpec) -> None:
        spec.text = text

    await state.modify(MachineConfigSpec, "v1alpha1", change, owner="x")


def ready(resource: Resource[VolumeStatusSpec]) -> bool:
    return resource.spec.phase is VolumePhase.READY


@pytest.mark.root
async def test_in_a_container_a_folder_is_made_and_a_partition_is_missed_in_words(tmp_path: Path) -> None:
    env = NodeEnvironment(platform="container", root=tmp_path)
    state = InMemoryState()
    async with ControllerRuntime(state, CONTROLLERS, env):
        await configure(state, HEAD + FOLDER + DATA)
        found = await within(state.wait_for(VolumeStatusSpec, "u-folder", ready))
        assert found.md.labels == {"talos.dev/user-volume": ""} and found.spec.type is VolumeType.DIRECTORY
        assert (await within(state.wait_for(MountStatusSpec, "u-folder"))).spec.target == "/var/mnt/folder"
        assert (tmp_path / "var/mnt/folder").stat().st_mode & 0o777 == 0o755
        (tmp_path / "var/mnt/folder/kept").touch()
        assert await state.get_or_none(VolumeConfigSpec, "u-data") is None
        await configure(state, HEAD)
        await within(state.wait_gone(VolumeStatusSpec, "u-folder"))
        await within(state.wait_gone(MountStatusSpec, "u-folder"))
        assert (tmp_path / "var/mnt/folder/kept").exists()
    assert unsupported(Config.decode(HEAD + FOLDER), "container") == []
    said = unsupported(Config.decode(HEAD + FOLDER + DATA), "container")
    assert said == [
        "UserVolumeConfig (but for volumeType directory), RawVolumeConfig, ExistingVolumeConfig, SwapVolumeConfig, "
        "machine.disks: no effect in a container, a container node has no disk of its own: u-data"
    ]


@pytest.fixture
def disks(tmp_path: Path) -> Iterator[tuple[Path, Path]]:
    """The system's, and one for volumes."""
    with attached(tmp_path, "system.img", GIB) as system, attached(tmp_path, "data.img", 4 * GIB) as data:
        yield system, data


@pytest.mark.slow
@needs_loop
async def test_on_a_machine_it_is_a_partition_that_comes_and_goes_with_its_document(
    tmp_path: Path, disks: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    env = NodeEnvironment(platform="metal", root=tmp_path)
    record = tmp_path / started.RECORD.lstrip("/")
    record.parent.mkdir(parents=True)
    record.write_text(json.dumps({"disk": str(disks[0]), "volumes": {}}))
    (tmp_path / "system/state").mkdir(parents=True)
    listed = [block.device(block.SYS, path.name) for path in disks]
    made = functools.partial(user_volumes.UserVolumes, disks=lambda: listed)
    monkeypatch.setattr(user_volumes, "UserVolumes", made)
    state = InMemoryState()
    async with ControllerRuntime(state, CONTROLLERS, env):
        await configure(state, HEAD + FOLDER + DATA)
        await within(state.wait_for(VolumeStatusSpec, "u-folder", ready))
        found = (await within(state.wait_for(VolumeStatusSpec, "u-data", ready))).spec
        assert (found.location, found.parent_location, found.partition_index) == (f"{disks[1]}p1", str(disks[1]), 1)
        assert found.filesystem is FilesystemType.XFS and found.pretty_size == "4.3 GB" and found.uuid
        mount = (await within(state.wait_for(MountStatusSpec, "u-data"))).spec
        assert (mount.target, mount.source, mount.spec.parent_id) == ("/var/mnt/data", f"{disks[1]}p1", "/var/mnt")
        wanted = (await state.get(VolumeConfigSpec, "u-data")).spec
        assert wanted.locator.match == 'volume.partition_label == "u-data"'
        assert mounted_at(tmp_path / "var/mnt/data") is not None
        late = document("name: more\nprovisioning: {diskSelector: {match: '!system_disk'}, minSize: 1GiB}")
        await configure(state, HEAD + DATA + late)
        failed = await within(
            state.wait_for(VolumeStatusSpec, "u-more", lambda r: r.spec.phase is VolumePhase.FAILED)
        )
        assert failed.spec.error_message.startswith(f"u-more: no disk has room for u-more: {disks[1]} has 0 MiB free")
        await configure(state, HEAD)
        for id in ("u-data", "u-more"):
            await within(state.wait_gone(VolumeStatusSpec, id))
        await within(state.wait_gone(MountStatusSpec, "u-data"))
        assert mounted_at(tmp_path / "var/mnt/data") is None
    with OpenDisk(disks[1]) as opened:
        assert opened.table().named("u-data") is not None
    with OpenDisk(disks[0]) as opened, pytest.raises(gpt.TableError):
        opened.table()
