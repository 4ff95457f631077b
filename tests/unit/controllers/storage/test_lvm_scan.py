"""What is reported of the volumes that lvm2 2.03.16 made: sizes and names are those of its own pvs, vgs and lvs."""

from __future__ import annotations

import asyncio
import lzma
from pathlib import Path

import pytest

from talos.controllers.storage.lvm_scan import LVMScanController, dashed, report
from talos.environment import NodeEnvironment
from talos.linux import lvm
from talos.resources.block import DeviceSpec, DiscoveryRefreshRequestSpec
from talos.resources.storage import (
    LVMLogicalVolumeStatusSpec,
    LVMPhysicalVolumeStatusSpec,
    LVMVolumeGroupStatusSpec,
)
from talos.state.controller_runtime import ControllerRuntime
from talos.state.inmemory import InMemoryState
from talos.state.resource import Resource

RECORDED = Path(__file__).parent / "lvm2"
MIB = 1 << 20


@pytest.fixture
def dev(tmp_path: Path) -> Path:
    """A folder of devices: two members of a group, and an empty disk."""
    folder = tmp_path / "dev"
    folder.mkdir()
    for name, head in (("sda", "a"), ("sdb1", "b")):
        (folder / name).write_bytes(lzma.decompress((RECORDED / f"{head}.xz").read_bytes()))
    (folder / "sdc").write_bytes(bytes(4096))
    return folder


def test_volumes_are_reported_as_lvm2_does(dev: Path) -> None:
    found = report(lvm.scan((path.name, path) for path in sorted(dev.iterdir())), frozenset({"data-lv2"}))
    sda, sdb = found.physical["sda"], found.physical["sdb1"]
    assert (sda.device, sda.vg_name, sda.pretty_size, sda.allocatable) == ("/dev/sda", "data", "63 MB", "allocatable")
    assert (sda.size, sda.used, sda.free) == (str(60 * MIB), str(24 * MIB), str(36 * MIB))
    assert (sdb.size, sdb.free, sdb.device_size) == (str(60 * MIB), str(60 * MIB), str(64 * MIB))
    assert sda.uuid == "N2CWKM-ePc4-HZ3n-BuP4-DkPG-mghi-edZXdG"
    group = found.groups["data"]
    assert (group.size, group.free, group.extent_size) == (str(120 * MIB), str(96 * MIB), str(4 * MIB))
    assert (group.lv_count, group.pv_count, group.seq_no, group.permissions) == ("3", "2", "6", "writeable")
    volume = found.logical["data-lv2"]
    assert sorted(found.logical) == ["data-lv1", "data-lv2", "data-lv3"]
    assert (volume.path, volume.dm_path, volume.layout) == ("/dev/data/lv2", "/dev/mapper/data-lv2", "linear")
    assert (volume.size, volume.active, found.logical["data-lv1"].active) == (str(8 * MIB), "active", "")


def test_a_group_that_lacks_a_disk_is_partial(dev: Path) -> None:
    found = report(lvm.scan([("sda", dev / "sda")]))
    assert (found.groups["data"].partial, found.logical) == ("partial", {})
    assert found.physical["sda"].device == "/dev/sda"


async def test_resources_follow_the_disks(dev: Path) -> None:
    """Those of a machine; a removal asks for everything to be looked at again."""
    state = InMemoryState()
    env = NodeEnvironment(platform="metal", root=dev.parent)
    async with asyncio.timeout(20), ControllerRuntime(state, [LVMScanController], env):
        for name, kind in (("sda", "disk"), ("sdb1", "partition"), ("sdc", "disk")):
            await state.create(Resource.new(DeviceSpec, name, DeviceSpec(type=kind)))
        await state.wait_for(LVMVolumeGroupStatusSpec, "data", lambda r: r.spec.pv_count == "2")
        await state.wait_for(LVMLogicalVolumeStatusSpec, "data-lv3")
        (dev / "sda").write_bytes(bytes(4096))
        request = DiscoveryRefreshRequestSpec(request=1)
        await state.create(Resource.new(DiscoveryRefreshRequestSpec, "refresh", request))
        await state.wait_gone(LVMPhysicalVolumeStatusSpec, "sda")
        await state.wait_for(LVMVolumeGroupStatusSpec, "data", lambda r: r.spec.partial == "partial")
        await state.wait_gone(LVMLogicalVolumeStatusSpec, "data-lv3")


def test_dashes() -> None:
    assert dashed("abcdefghijklmnopqrstuvwxyz012345") == "abcdef-ghij-klmn-opqr-stuv-wxyz-012345"
