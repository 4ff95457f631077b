"""Disks whose logical sectors have 4096 bytes (4Kn): installed to, started from, reset, given volumes.

Loop devices with `losetup --sector-size 4096`: the kernel refuses there what a disk would refuse, a partition or a
request that is not whole sectors.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.unit.machined.disk.conftest import attached
from tests.unit.machined.disk.loop_disk import GIB, bring_up, needs_loop, targets
from tests.unit.machined.disk.test_user_volumes import DATA, Machine, volume

from talos.config.view.model import Encryption, EncryptionKey
from talos.linux import block, gpt, superblock
from talos.linux.block import partition_path
from talos.linux.cryptsetup import Cost
from talos.linux.disk_io import OpenDisk
from talos.machined.disk import filesystem, installer, layout, luks, meta_store, placement, reset, system_disk, wipe
from talos.machined.disk.encryption import Keys
from talos.machined.disk.installer import InstallError, Plan
from talos.machined.disk.system_disk import SystemDisk

pytestmark = [pytest.mark.slow, needs_loop]
SECTOR = 4096
QUICK = Cost(iterations=4, memory_kib=32, threads=1)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with attached(tmp_path, "disk.img", 5 * GIB, SECTOR) as device:
        yield device


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Path]:
    with attached(tmp_path, "other.img", 4 * GIB, SECTOR) as device:
        yield device


def found_on(device: Path) -> superblock.Superblock:
    with OpenDisk(device) as opened:
        found = superblock.probe(opened.read)
    assert found is not None
    return found


def installed(disk: Path) -> SystemDisk:
    found = system_disk.find([disk], "")
    assert found is not None
    return found


def device(system: SystemDisk, name: str) -> Path:
    found = system.device(name)
    assert found is not None
    return found


def test_it_is_installed_to_and_started_from(tmp_path: Path, plan: Plan) -> None:
    installer.install(plan)
    system = system_disk.complete(installed(plan.disk))
    assert [(p.name, p.first * SECTOR, p.sectors * SECTOR) for p in system.table.partitions[:3]] == [
        ("EFI", layout.MIB, 2101 * layout.MIB),
        ("META", 2102 * layout.MIB, layout.MIB),
        ("STATE", 2103 * layout.MIB, 100 * layout.MIB),
    ]
    assert system.table.sector == SECTOR and system.table.partitions[3].name == "EPHEMERAL"
    for part in system.table.partitions:  # the kernel sees them where the table says
        seen = block.device(block.SYS, partition_path(plan.disk, part.number).name)
        assert (seen.size, seen.sector_size, seen.io_size) == (part.sectors * SECTOR, SECTOR, SECTOR)
    root = tmp_path / "root"
    bring_up(system, root, targets(root))
    assert (root / "boot/EFI/Linux/talos-A-v1.14.0+3.efi").read_bytes() == plan.image.read_bytes()
    assert (root / "system/state/config.yaml").read_text() == "version: v1alpha1\n"
    assert os.statvfs(root / "var").f_blocks * 4096 > 2 * GIB
    assert {found_on(device(system, name)).block_size for name in ("STATE", "EPHEMERAL")} == {SECTOR}
    store = meta_store.PartitionStore(device(system, "META"))
    store.save({10: b"a", 12: b"b"})
    assert meta_store.PartitionStore(device(system, "META")).load() == {10: b"a", 12: b"b"}
    bring_up(system_disk.complete(installed(plan.disk)), root, targets(tmp_path / "again"))  # the next start


def test_a_disk_that_is_larger_now_is_used_whole(tmp_path: Path, plan: Plan) -> None:
    installer.install(plan)
    with (tmp_path / "disk.img").open("r+b") as file:
        file.truncate(7 * GIB)
    subprocess.run(["losetup", "--set-capacity", plan.disk], check=True)
    grown = system_disk.with_ephemeral(installed(plan.disk)).table.named("EPHEMERAL")
    assert grown is not None and grown.sectors * SECTOR > 4 * GIB
    with OpenDisk(plan.disk) as opened:  # its copy stands at the new end
        assert opened.read(opened.size - SECTOR, 8) == b"EFI PART"


@pytest.mark.skipif(shutil.which("mcopy") is None, reason="mtools write the file system that this kernel may not know")
def test_the_boot_partition_is_a_fat_in_the_disks_sectors_and_a_reset_leaves_none_of_its_heads(
    tmp_path: Path, plan: Plan
) -> None:
    installer.install(plan)
    system = installed(plan.disk)
    efi = device(system, layout.EFI)
    filesystem.make(efi, "vfat", layout.EFI)
    fat = found_on(efi)
    assert (fat.name, fat.label, fat.block_size, fat.filesystem_block_size) == ("vfat", "EFI", SECTOR, 4096)
    file = tmp_path / "file"
    file.write_bytes(os.urandom(300_000))
    subprocess.run(["mcopy", "-i", efi, file, "::/IMAGE.EFI"], check=True)
    subprocess.run(["/sbin/fsck.fat", "-n", efi], check=True, capture_output=True)
    with OpenDisk(efi) as opened:
        copy = int.from_bytes(opened.read(50, 2), "little") * SECTOR  # BPB_BkBootSec
        assert copy and opened.read(copy, 512) == opened.read(0, 512)
        tables = int.from_bytes(opened.read(14, 2), "little") * SECTOR  # BPB_RsvdSecCnt: what lies behind is kept
        kept = opened.read(tables, 64 << 10)
    reset.wipe((), system, tmp_path / "root")
    with OpenDisk(efi) as opened:
        assert not any(opened.read(0, tables)), "a copy of the boot sector is left"
        assert opened.read(tables, 64 << 10) == kept, "the running system reads its root from here"
    with OpenDisk(plan.disk) as opened:
        assert gpt.found(opened.read, opened.size) == []


def test_a_table_for_sectors_of_512_bytes_is_somebodys(plan: Plan) -> None:
    """The disk hung on an adapter that told other sectors. What was encrypted there must not stay readable."""
    with OpenDisk(plan.disk, writable=True) as opened:
        foreign = gpt.new(opened.size // 512, 512).add("PHOTOS", GIB).add("SECRET", GIB)
        for offset, data in foreign.writes():
            opened.write(offset, data)
        secret = foreign.partitions[1].first * 512
        opened.write(secret + 8192, b"key slots")
    with pytest.raises(InstallError, match=r"table for sectors of 512 bytes, and it has sectors of 4096: name another"):
        installer.install(plan)
    (candidate,) = placement.candidates([block.device(block.SYS, plan.disk.name)], None)
    assert candidate.table is None and "holds a partition table for sectors of 512" in candidate.problem
    installer.install(Plan(plan.disk, plan.image, plan.files, plan.state, wipe=True, efi_kind="xfs"))
    with OpenDisk(plan.disk) as opened:
        assert opened.read(secret + 8192, 9) == bytes(9)
        assert opened.read(512, 8) != b"EFI PART"
    assert installed(plan.disk).table.sector == SECTOR


def test_a_volume_of_the_user_on_another_disk(tmp_path: Path, disk: Path, other: Path) -> None:
    with OpenDisk(disk) as opened:
        assert opened.sector == SECTOR
    machine = Machine(tmp_path, disk, other)
    found = machine.ready(volume(DATA))["u-data"]
    assert found.size == GIB and found.kind == "xfs"
    (machine.mnt("data") / "kept").write_text("x")
    assert machine.ready(volume(DATA))["u-data"].size == GIB
    assert found_on(Path(f"{other}p1")).block_size == SECTOR


@pytest.mark.parametrize(("chosen", "sector"), [(0, 4096), (512, 512), (4096, 4096)])
def test_an_encrypted_volume_has_the_disks_sectors_unless_the_configuration_says_otherwise(
    tmp_path: Path, disk: Path, chosen: int, sector: int
) -> None:
    keys = Keys(tmp_path / "uuid", tmp_path)
    wanted = Encryption((EncryptionKey(0, "static", "open sesame"),), "luks2", block_size=chosen)
    luks.make(disk, "u-data", wanted, keys, QUICK)
    assert luks.look(disk) is luks.Found.VOLUME
    dump = subprocess.run(["/usr/sbin/cryptsetup", "luksDump", disk], capture_output=True, text=True, check=True).stdout
    assert f"sector: {sector} [bytes]" in dump


@pytest.mark.parametrize("zeroes", [False, True])
def test_wiping_a_disk_and_dropping_a_partition(other: Path, zeroes: bool) -> None:
    with OpenDisk(other, writable=True) as opened:
        table = gpt.new(opened.sectors, opened.sector).add("one", 24 << 20).add("two", 24 << 20)
        opened.write_table(table)
    two = partition_path(other, 2)
    filesystem.make(two, "ext4", "two")
    wipe.wipe(wipe.Target(two.name, two, zeroes, other, 2, drop=True))
    with OpenDisk(other) as opened:
        assert [part.name for part in opened.table().partitions] == ["one"]
        assert not any(opened.read(table.partitions[1].first * SECTOR, 1 << 20))
    assert not two.exists()
    if zeroes:
        return  # all of the disk is the same call
    wipe.wipe(wipe.Target(other.name, other, zeroes, None))
    with OpenDisk(other) as opened:
        assert gpt.found(opened.read, opened.size) == []
    assert not partition_path(other, 1).exists()


def test_a_range_that_is_no_whole_sectors_is_wiped_too(disk: Path) -> None:
    """The kernel zeroes whole sectors only; a label of LVM, for one, is 512 bytes on any disk."""
    with OpenDisk(disk, writable=True) as opened:
        opened.write(0, b"x" * 8192)
        opened.wipe(512, 512)
        assert opened.read(0, 8192) == b"x" * 512 + bytes(512) + b"x" * 7168


class PowerCutError(Exception):
    """The machine is off."""


@pytest.mark.parametrize("cut", range(11))
def test_power_that_is_lost_while_the_tables_are_written_leaves_no_half_of_a_system(
    plan: Plan, monkeypatch: pytest.MonkeyPatch, cut: int
) -> None:
    """The first five writes begin the installation, the last five end it."""
    left, plain = cut, OpenDisk.write

    def write(self: OpenDisk, offset: int, data: bytes) -> None:
        nonlocal left
        if self.path == plan.disk and any(data):
            if left == 0:
                raise PowerCutError
            left -= 1
        plain(self, offset, data)

    monkeypatch.setattr(OpenDisk, "write", write)
    complete = True
    try:
        installer.install(plan)
    except PowerCutError:
        complete = False
    monkeypatch.undo()
    assert complete == (cut == 10)
    if system_disk.find([plan.disk], "") is None:
        installer.install(plan)
    assert installed(plan.disk).table.sector == SECTOR
    with installer.mounted(device(installed(plan.disk), "STATE"), "xfs") as where:
        assert (where / "config.yaml").read_text() == "version: v1alpha1\n"
    assert len({part.id for part in installed(plan.disk).table.partitions} | {uuid.UUID(int=0)}) == 5
