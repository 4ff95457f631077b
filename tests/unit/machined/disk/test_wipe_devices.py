"""`talosctl wipe disk` on real block devices: loop devices with a partition table, a file system, a mount."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from talos.linux import gpt
from talos.linux.block import partition_path
from talos.linux.disk_io import OpenDisk
from talos.machined.disk import wipe
from talos.machined.node import Node
from talos.resources.block import DeviceSpec, DiscoveryRefreshRequestSpec, DiskSpec, SystemDiskSpec, VolumeStatusSpec
from talos.resources.enums import VolumePhase
from talos.state import Resource

pytestmark = pytest.mark.root
SIZE = 64 << 20


def run(*argv: str | Path) -> str:
    return subprocess.run([str(a) for a in argv], check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk with two partitions, a file system on each."""
    image = tmp_path / "disk.raw"
    image.touch()
    with image.open("r+b") as file:
        file.truncate(SIZE)
    device = Path(run("losetup", "--find", "--show", image))
    try:
        with OpenDisk(device, writable=True) as opened:
            table = gpt.new(opened.sectors, opened.sector).add("one", 24 << 20).add("two", 24 << 20)
            opened.write_table(table)
        for number in (1, 2):
            run("mkfs.ext4", "-q", partition_path(device, number))
        yield device
        with OpenDisk(device, writable=True) as opened:
            opened.tell_kernel(gpt.new(opened.sectors, opened.sector))
    finally:
        run("losetup", "--detach", device)


@pytest.fixture
async def node(make_node: Callable[..., Node], disk: Path) -> Node:
    made = make_node()
    folder = made.env.path("/dev")
    folder.mkdir(exist_ok=True)
    state = made.state
    for path, spec in (
        (disk, DeviceSpec(type="disk")),
        (partition_path(disk, 1), DeviceSpec(type="partition", parent=disk.name, partition_number=1)),
        (partition_path(disk, 2), DeviceSpec(type="partition", parent=disk.name, partition_number=2)),
    ):
        (folder / path.name).symlink_to(path)
        await state.create(Resource.new(DeviceSpec, path.name, spec))
    await state.create(Resource.new(DiskSpec, disk.name, DiskSpec(dev_path=str(disk))))
    return made


async def target(node: Node, name: str, **options: bool) -> wipe.Target:
    return await wipe.target(
        node,
        name,
        zeroes=options.get("zeroes", False),
        drop=options.get("drop", False),
        skip_volumes=options.get("skip_volumes", False),
        skip_secondaries=False,
    )


def kind(path: Path) -> str:
    return subprocess.run(["blkid", "-p", "-o", "value", "-s", "TYPE", path], capture_output=True, text=True).stdout


async def test_a_wiped_partition_is_recognized_no_more_and_its_neighbour_is(node: Node, disk: Path) -> None:
    one, two = partition_path(disk, 1), partition_path(disk, 2)
    assert kind(one) == kind(two) == "ext4\n"
    await wipe.wipe_all(node, [await target(node, one.name)])
    assert (kind(one), kind(two)) == ("", "ext4\n")
    assert one.exists()
    assert (await node.state.get(DiscoveryRefreshRequestSpec, "refresh")).spec.request == 1


async def test_a_dropped_partition_leaves_the_table_and_the_kernel(node: Node, disk: Path) -> None:
    one, two = partition_path(disk, 1), partition_path(disk, 2)
    await wipe.wipe_all(node, [await target(node, f"/dev/{one.name}", drop=True)])
    with OpenDisk(disk) as opened:
        assert [p.name for p in opened.table().partitions] == ["two"]
    assert not Path(f"/sys/class/block/{one.name}").exists()
    assert kind(two) == "ext4\n"


async def test_zeroes_leave_nothing_of_a_whole_disk(node: Node, disk: Path) -> None:
    await wipe.wipe_all(node, [await target(node, disk.name, zeroes=True)])
    with OpenDisk(disk) as opened:
        assert not any(opened.read(0, opened.size))
    assert not list(Path(f"/sys/class/block/{disk.name}").glob(f"{disk.name}p*"))


async def test_what_is_mounted_is_refused_with_its_disk(node: Node, disk: Path, tmp_path: Path) -> None:
    one = partition_path(disk, 1)
    mounted = tmp_path / "mounted"
    mounted.mkdir()
    run("mount", one, mounted)
    try:
        for name in (one.name, disk.name):
            with pytest.raises(wipe.WipeRefusedError, match="in use"):
                await target(node, name, skip_volumes=True)
    finally:
        run("umount", mounted)
    assert kind(one) == "ext4\n"


async def test_the_system_disk_and_what_a_volume_uses_are_refused(node: Node, disk: Path) -> None:
    two = partition_path(disk, 2)
    status = VolumeStatusSpec(phase=VolumePhase.READY, location=f"/dev/{two.name}", parent_location=f"/dev/{disk.name}")
    await node.state.create(Resource.new(VolumeStatusSpec, "u-data", status))
    for name in (two.name, disk.name):
        with pytest.raises(wipe.WipeRefusedError, match='volume "u-data"'):
            await target(node, name)
    assert (await target(node, two.name, skip_volumes=True)).number == 2
    await node.state.create(Resource.new(SystemDiskSpec, "system-disk", SystemDiskSpec(disk_id=disk.name)))
    with pytest.raises(wipe.WipeRefusedError, match="talosctl reset"):
        await target(node, disk.name, skip_volumes=True)
    with pytest.raises(wipe.WipeRefusedError, match="only a partition"):
        await target(node, disk.name, drop=True)


async def test_one_device_that_is_refused_leaves_the_others_as_they_are(node: Node, disk: Path) -> None:
    with pytest.raises(wipe.UnknownDeviceError):
        [await target(node, name) for name in (partition_path(disk, 1).name, "no-such")]
    assert kind(partition_path(disk, 1)) == "ext4\n"
