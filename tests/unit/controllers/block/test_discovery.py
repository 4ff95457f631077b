"""Disks, what is on them and their names in /dev/disk: a machine made of files, with real filesystems on its disk."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.wires import needs

from talos.controllers.block import symlinks
from talos.controllers.block.devices import DevicesController
from talos.controllers.block.discovery import DiscoveryController
from talos.controllers.block.disks import DisksController
from talos.controllers.block.symlinks import SymlinksController
from talos.controllers.block.system_disk import SystemDiskController
from talos.environment import NodeEnvironment
from talos.linux import block, block_names
from talos.resources.block import (
    DeviceSpec,
    DiscoveredVolumeSpec,
    DiscoveryRefreshRequestSpec,
    DiscoveryRefreshStatusSpec,
    DiskSpec,
    SymlinkSpec,
    SystemDiskSpec,
)
from talos.state.controller_runtime import ControllerRuntime
from talos.state.inmemory import InMemoryState

CONTROLLERS = [DevicesController, DisksController, DiscoveryController, SymlinksController, SystemDiskController]
ID = "0b7d0f3a-3d4c-4f6e-9a64-5c1f3c2b1a00"
MIB = 1 << 20
PCI = "devices/pci0000:00/0000:00:04.0"


class Machine:
    """sysfs and /dev of a machine in a folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "sys/class/block").mkdir(parents=True)
        (root / "dev").mkdir()

    def disk(
        self, name: str, size: int, place: str, partitions: tuple[tuple[int, int, int], ...] = (), **more: str
    ) -> None:
        """partitions: (number, offset, size); more: attributes, with __ for a slash."""
        folder = self.root / "sys" / place / "block" / name
        self._device(folder, size, "254:0", {"removable": "0", "queue__logical_block_size": "512", **more})
        for number, offset, length in partitions:
            attributes = {"partition": str(number), "start": str(offset)}
            self._device(folder / f"{name}{number}", length, f"254:{number}", attributes)

    def _device(self, folder: Path, size: int, dev: str, attributes: dict[str, str]) -> None:
        folder.mkdir(parents=True)
        (self.root / "sys/class/block" / folder.name).symlink_to(folder)
        for name, value in {"size": str(size // 512), "dev": dev, "ro": "0", "uevent": "", **attributes}.items():
            path = folder / name.replace("__", "/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{value}\n")


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def filesystem(path: Path, label: str, size: int = 8 * MIB) -> bytes:
    path.write_bytes(bytes(size))
    mkfs = str(shutil.which("mkfs.ext4", path="/usr/sbin:/sbin"))
    subprocess.run([mkfs, "-q", "-L", label, "-U", ID, path], check=True, capture_output=True)
    return path.read_bytes()


def partitioned(disk: Path) -> None:
    disk.write_bytes(bytes(64 * MIB))
    sfdisk = str(shutil.which("sfdisk", path="/usr/sbin:/sbin"))
    script = f"label: gpt\nsize=2048, name=META\nstart=8192, size=16384, name=STATE, uuid={ID}\n"
    subprocess.run([sfdisk, "-q", disk], input=script, text=True, check=True, capture_output=True)


@needs("sfdisk")
@needs("mkfs.ext4")
async def test_a_partitioned_disk(machine: Machine, tmp_path: Path) -> None:
    partitioned(tmp_path / "dev/vda")
    (tmp_path / "dev/vda1").write_bytes(bytes(MIB))
    (tmp_path / "dev/vda2").write_bytes(filesystem(tmp_path / "ext", "my root"))
    machine.disk(
        "vda", 64 * MIB, f"{PCI}/virtio1", ((1, 2048, MIB), (2, 8192, 8 * MIB)), serial="disk one",
        queue__rotational="0", device__modalias="virtio:d2v1",
    )  # fmt: skip
    state = InMemoryState()
    env = NodeEnvironment(platform="metal", root=tmp_path)
    async with asyncio.timeout(10), ControllerRuntime(state, CONTROLLERS, env):
        links = await state.wait_for(SymlinkSpec, "vda2", lambda found: len(found.spec.paths) >= 6)
        found = (await state.wait_for(DiscoveredVolumeSpec, "vda2", lambda found: found.spec.name == "ext4")).spec
        whole = (await state.get(DiscoveredVolumeSpec, "vda")).spec
        shown = (await state.wait_for(DiskSpec, "vda", lambda found: bool(found.spec.symlinks))).spec
        system = (await state.wait_for(SystemDiskSpec, "system-disk", None)).spec
        # A filesystem made behind the kernel's back is seen when somebody asks.
        (tmp_path / "dev/vda1").write_bytes(filesystem(tmp_path / "ext", "fresh"))
        await state.modify(DiscoveryRefreshRequestSpec, "r", lambda _: DiscoveryRefreshRequestSpec(request=7))
        await state.wait_for(DiscoveryRefreshStatusSpec, "r", lambda status: status.spec.request == 7)
        assert (await state.get(DiscoveredVolumeSpec, "vda1")).spec.label == "fresh"
    assert (found.label, found.partition_label, found.partition_index) == ("my root", "STATE", 2)
    assert found.partition_uuid == ID
    assert (found.parent, found.parent_dev_path, found.offset, found.size) == ("vda", "/dev/vda", 4 * MIB, 8 * MIB)
    assert (whole.type, whole.name, whole.pretty_size) == ("disk", "gpt", "67 MB")
    assert (shown.dev_path, shown.serial, shown.transport) == ("/dev/vda", "disk one", "virtio")
    assert not shown.rotational
    assert shown.bus_path == "/pci0000:00/0000:00:04.0/virtio1"
    assert (system.disk_id, system.dev_path) == ("vda", "/dev/vda")
    assert sorted(links.spec.paths) == [
        "/dev/disk/by-id/virtio-disk_one-part2", f"/dev/disk/by-label/{'my'}\\x20root",
        "/dev/disk/by-partlabel/STATE", f"/dev/disk/by-partuuid/{ID}", "/dev/disk/by-path/pci-0000:00:04.0-part2",
        f"/dev/disk/by-uuid/{ID}",
    ]  # fmt: skip
    for path in links.spec.paths:
        assert (tmp_path / path[1:]).resolve() == tmp_path / "dev/vda2"


async def test_a_container_looks_at_nothing(machine: Machine, tmp_path: Path) -> None:
    machine.disk("vda", MIB, f"{PCI}/virtio1")
    state = InMemoryState()
    async with ControllerRuntime(state, CONTROLLERS, NodeEnvironment(platform="container", root=tmp_path)):
        await asyncio.sleep(0.1)
        assert not await state.list(DeviceSpec)
    assert not (tmp_path / "dev/disk").exists()


@pytest.mark.parametrize(
    ("name", "place", "attributes", "ids", "path"),
    [
        ("nvme0n1", "devices/pci0000:00/0000:01:00.0/nvme/nvme0",
         {"device__model": "Samsung SSD 980", "device__serial": "S64DNX0 ", "wwid": "eui.0025385b"},
         ["nvme-Samsung_SSD_980_S64DNX0", "nvme-eui.0025385b"], "pci-0000:01:00.0-nvme-1"),
        ("sda", "devices/pci0000:00/0000:00:1f.2/ata3/host2/target2:0:0/2:0:0:0",
         {"device__wwid": "t10.ATA     QEMU HARDDISK                           QM00003"},
         ["ata-QEMU_HARDDISK_QM00003"], "pci-0000:00:1f.2-ata-3"),
        ("sdb", "devices/pci0000:00/0000:03:00.0/host0/target0:0:1/0:0:1:0",
         {"device__wwid": "naa.5000c500a1b2c3d4", "device__vpd_pg80": "\0\0\0\x01ZA1 2 3",
          "device__vendor": "SEAGATE", "device__model": "ST8000"},
         ["scsi-SSEAGATE_ST8000_ZA1_2_3", "wwn-0x5000c500a1b2c3d4"], "pci-0000:03:00.0-scsi-0:0:1:0"),
        ("vdb", "devices/platform/x/virtio9", {}, [], ""),
    ],
)  # fmt: skip
def test_names_of_hardware(
    machine: Machine, name: str, place: str, attributes: dict[str, str], ids: list[str], path: str
) -> None:
    machine.disk(name, MIB, place, **attributes)
    device = block.device(machine.root / "sys", name)
    assert block_names.ids(device) == ids
    assert block_names.path_name(device) == path


@pytest.mark.parametrize(
    ("optimal", "minimum", "size"),
    [("0", "512", 512), ("0", "4096", 4096), ("131072", "4096", 131072), ("33553920", "4096", 4096), ("", "", 512)],
)
def test_sectors_and_the_size_of_a_write(machine: Machine, optimal: str, minimum: str, size: int) -> None:
    """33553920: a USB box that tells its largest transfer there."""
    machine.disk(
        "sda", 8 * MIB, f"{PCI}/virtio1", ((1, 2048, MIB),),
        queue__logical_block_size="4096", queue__optimal_io_size=optimal, queue__minimum_io_size=minimum,
    )  # fmt: skip
    for name in ("sda", "sda1"):
        found = block.device(machine.root / "sys", name)
        assert (found.sector_size, found.io_size) == (4096, size)


def test_an_nvme_namespace_hangs_on_its_controller(machine: Machine) -> None:
    """Its sysfs path has no /block/: that of a QEMU machine, as the kernel lays it out."""
    folder = machine.root / "sys/devices/pci0000:00/0000:00:09.0/nvme/nvme0/nvme0n1"
    attributes = {"wwid": "uuid.0b7d0f3a-3d4c-4f6e-9a64-5c1f3c2b1a00", "device__model": "QEMU NVMe Ctrl"}
    machine._device(folder, 8 * MIB, "259:0", attributes)
    machine._device(folder / "nvme0n1p1", MIB, "259:1", {"partition": "1", "start": "2048"})
    (machine.root / "sys/class/block/dm-0").symlink_to(folder)  # made of other devices: no disk of the machine
    (machine.root / "sys/class/block/nvme0n1/subsystem").symlink_to(machine.root / "sys/class/block")
    (found,) = block.disks(machine.root / "sys")
    assert (found.name, found.node, found.transport) == ("nvme0n1", Path("/dev/nvme0n1"), "nvme")
    assert (found.bus_path, found.uuid, found.model) == ("/pci0000:00/0000:00:09.0/nvme", ID, "QEMU NVMe Ctrl")
    assert found.subsystem.endswith("/sys/class/block")
    assert block_names.path_name(found) == "pci-0000:00:09.0-nvme-1"
    assert block.device(machine.root / "sys", "nvme0n1p1").parent == "nvme0n1"
    assert block.partition_path(found.node, 1) == Path("/dev/nvme0n1p1")


def test_a_copied_label_takes_nothing_over(tmp_path: Path) -> None:
    first = symlinks.claim({"sdb1": ["by-label/x"]}, {})
    assert symlinks.claim({"sda1": ["by-label/x"], "sdb1": ["by-label/x"]}, first) == {"by-label/x": "sdb1"}
    assert symlinks.claim({"sda1": ["by-label/x"]}, first) == {"by-label/x": "sda1"}
    symlinks.apply(tmp_path, {"by-label/x": "sdb1", "by-uuid/u": "sdb1"}, [])
    symlinks.apply(tmp_path, {"by-label/x": "sda1"}, ["by-label/x", "by-uuid/u"])
    assert str((tmp_path / "by-label/x").readlink()) == "../../sda1"
    assert not (tmp_path / "by-uuid/u").is_symlink()


@given(st.text(max_size=40))
def test_any_label_is_one_file_name(label: str) -> None:
    name = block_names.escaped(label)
    assert "/" not in name
    assert "\0" not in name
    assert not any(letter.isspace() and ord(letter) < 128 for letter in name)


@pytest.mark.parametrize(
    ("size", "text"), [(0, "0 B"), (999, "999 B"), (8 * 10**9, "8.0 GB"), (64 * MIB, "67 MB"), (4 * 10**12, "4.0 TB")]
)
def test_sizes(size: int, text: str) -> None:
    assert block.size_text(size) == text


def test_the_devices_of_this_machine_can_be_read() -> None:
    for device in block.devices(Path("/sys")):
        assert device.size > 0 or device.cdrom
        assert device.path.startswith("/devices/")
        block_names.ids(device)
        block_names.path_name(device)
