"""Installation to a real block device: a loop device, its partitions made through the kernel, XFS by mkfs.

This kernel may know no FAT: then the EFI partition is XFS here, and FAT in QEMU. Power cuts are cut write by write.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.unit.machined.disk.loop_disk import GIB, LOSETUP, bring_up, holes_left_out, needs_loop, targets

from talos.linux import gpt
from talos.linux.block import partition_path
from talos.linux.disk_io import OpenDisk
from talos.linux.mount import umount
from talos.machined.disk import filesystem, installer, layout, meta_store, reset, system_disk
from talos.machined.disk.filesystem import FormatError
from talos.machined.disk.installer import InstallError, Plan
from talos.machined.disk.volumes import BringUp

pytestmark = [pytest.mark.slow, needs_loop]


def test_an_empty_disk_becomes_a_system_disk(tmp_path: Path, plan: Plan) -> None:
    installer.install(plan)
    found = system_disk.find([plan.disk], "")
    assert found is not None
    assert [p.name for p in found.table.partitions] == ["EFI", "META", "STATE", "EPHEMERAL"]
    root = tmp_path / "root"
    where = targets(root)
    completed = system_disk.complete(found)
    bring_up(completed, root, where)
    assert (root / "boot/EFI/Linux/talos-A-v1.14.0+3.efi").read_bytes() == plan.image.read_bytes()
    assert (root / "system/state/config.yaml").read_text() == "version: v1alpha1\n"
    assert os.statvfs(root / "var").f_blocks * 4096 > 2 * GIB
    (root / "var/kept").write_text("x")
    bring_up(system_disk.complete(completed), root, where)  # machined starts again
    assert (root / "var/kept").read_text() == "x"
    with pytest.raises(InstallError, match="is in use"):
        installer.install(plan)


def test_ephemeral_grows_with_its_disk(tmp_path: Path, plan: Plan) -> None:
    installer.install(plan)
    before = system_disk.find([plan.disk], "")
    assert before is not None
    before = system_disk.complete(before)
    with (tmp_path / "disk.img").open("r+b") as file:
        file.truncate(7 * GIB)
    assert LOSETUP is not None
    subprocess.run([LOSETUP, "--set-capacity", plan.disk], check=True)
    after = system_disk.find([plan.disk], "")
    assert after is not None
    root = tmp_path / "root"
    where = targets(root)
    bring_up(system_disk.complete(after), root, where)
    assert os.statvfs(root / "var").f_blocks * 4096 > 4 * GIB


def test_a_disk_image_is_completed_at_its_first_start(tmp_path: Path, plan: Plan) -> None:
    with OpenDisk(plan.disk, writable=True) as opened:
        table = gpt.new(opened.sectors, opened.sector)
        for part in layout.PARTS[:2]:
            table = table.add(part.name, part.size, part.type)
        opened.write_table(table)
    found = system_disk.find([plan.disk], "")
    assert found is not None
    completed = system_disk.complete(found)
    assert [p.id for p in completed.table.partitions[:2]] == [p.id for p in table.partitions]
    root = tmp_path / "root"
    states = BringUp(completed, root, targets(root)).run()
    assert states["STATE"].device == str(completed.device("STATE"))
    assert "EFI is not mounted" in states["EFI"].problem  # nobody made one here, and the others are there all the same
    assert [states[name].problem for name in ("STATE", "EPHEMERAL")] == ["", ""]


@pytest.mark.parametrize("what", ["mkfs.xfs", "gpt", "dos"])
def test_a_disk_that_belongs_to_somebody_is_refused(plan: Plan, what: str) -> None:
    if what == "mkfs.xfs":
        filesystem.make(plan.disk, "xfs", "PHOTOS")
    else:
        script = f"label: {what}\n,1G\n"
        subprocess.run(["/usr/sbin/sfdisk", "-q", plan.disk], input=script, text=True, check=True)
    with OpenDisk(plan.disk) as opened:
        before = opened.read(0, 1 << 20)
    with pytest.raises(InstallError, match=r"holds .*name another disk"):
        installer.install(plan)
    with OpenDisk(plan.disk) as opened:
        assert opened.read(0, 1 << 20) == before
    installer.install(Plan(plan.disk, plan.image, plan.files, plan.state, wipe=True, efi_kind="xfs"))
    assert system_disk.find([plan.disk], "") is not None


@pytest.mark.parametrize(
    ("at", "data", "name"),
    [
        (512, b"LABELONE", "a physical volume of LVM"),
        (4096, bytes.fromhex("fc4e2ba9"), "a member of a RAID array"),  # metadata 1.2
        (-8192, bytes.fromhex("fc4e2ba9"), "a member of a RAID array"),  # metadata 1.0
        (128 << 10, b"a label of ZFS", "data that is no known file system"),
        (-256 << 10, b"and its copy", "data that is no known file system"),
    ],
)
def test_what_has_no_table_and_is_no_file_system_is_somebodys_too(plan: Plan, at: int, data: bytes, name: str) -> None:
    with OpenDisk(plan.disk, writable=True) as opened:
        opened.write(at if at > 0 else opened.size + at, data)
    with pytest.raises(InstallError, match=f"holds {name}: name another disk"):
        installer.install(plan)
    installer.install(Plan(plan.disk, plan.image, plan.files, plan.state, wipe=True, efi_kind="xfs"))
    assert system_disk.find([plan.disk], "") is not None


class PowerCutError(Exception):
    """The machine is off."""


@pytest.mark.parametrize("cut", range(20))
def test_power_that_is_lost_while_installing_leaves_no_half_of_a_system(
    plan: Plan, monkeypatch: pytest.MonkeyPatch, cut: int
) -> None:
    """Every write to the disk itself and every file that is copied counts; at `cut` the power goes."""
    left = cut

    def count() -> None:
        nonlocal left
        if left == 0:
            raise PowerCutError
        left -= 1

    plain_write, plain_copy, plain_make = OpenDisk.write, shutil.copyfile, filesystem.make

    def write(self: OpenDisk, offset: int, data: bytes) -> None:
        if any(data):  # wiping is thousands of writes of the same kind
            count()
        plain_write(self, offset, data)

    def copy(source: Path, target: Path, **options: bool) -> object:
        count()
        return plain_copy(source, target, **options)

    def make(device: Path, kind: str, label: str) -> None:
        count()
        plain_make(device, kind, label)

    monkeypatch.setattr(OpenDisk, "write", write)
    monkeypatch.setattr(shutil, "copyfile", copy)
    monkeypatch.setattr(filesystem, "make", make)
    try:
        installer.install(plan)
        complete = True
    except PowerCutError:
        complete = False
    monkeypatch.undo()
    found = system_disk.find([plan.disk], "")
    assert (found is not None) == complete or found is not None
    if found is not None:  # counts as installed: then all of it is there
        state = found.device("STATE")
        assert state is not None
        with installer.mounted(state, "xfs") as where:
            assert (where / "config.yaml").read_text() == "version: v1alpha1\n"
    else:
        installer.install(plan)  # the next attempt is not refused
        assert system_disk.find([plan.disk], "") is not None


SECRET = b"a secret that nobody may read " * 40


@pytest.mark.parametrize("labels", [("STATE", "EPHEMERAL"), ()])
def test_a_reset_leaves_no_secret_while_the_system_still_writes(
    tmp_path: Path, plan: Plan, labels: tuple[str, ...]
) -> None:
    installer.install(plan)
    found = system_disk.find([plan.disk], "")
    assert found is not None
    found, root = system_disk.complete(found), tmp_path / "root"
    bring_up(found, root, targets(root))
    for folder in ("system/state", "var"):
        (root / folder / "secret").write_bytes(SECRET)
    os.sync()
    with (tmp_path / "disk.img").open("rb") as image:
        data = [os.pread(image.fileno(), b - a, a) for a, b in holes_left_out(image.fileno(), 5 * GIB)]
    assert any(SECRET[:200] in part for part in data)  # it is there before
    log = os.open(root / "var/log", os.O_WRONLY | os.O_CREAT)  # held open and written to, as machined's log is
    os.write(log, SECRET)
    reset.wipe(labels, found, root)
    with contextlib.suppress(OSError):
        os.write(log, SECRET)
    os.close(log)
    for _, target, _, _ in reversed(system_disk.TARGETS):
        with contextlib.suppress(OSError):
            umount(root / target.lstrip("/"))
    os.sync()
    with (tmp_path / "disk.img").open("rb") as image:
        for where in holes_left_out(image.fileno(), 5 * GIB):
            assert SECRET[:200] not in os.pread(image.fileno(), where[1] - where[0], where[0])
    again = system_disk.find([plan.disk], "")
    assert (again is not None) == bool(labels)
    if again is not None:
        state = again.device("STATE")
        assert state is not None
        assert filesystem.found(state) == ""  # and the next start makes it anew: maintenance mode



def test_a_wiped_range_holds_nothing(disk: Path) -> None:
    with OpenDisk(disk, writable=True) as opened:
        opened.write(1 << 20, b"secret" * 1000)
        opened.wipe(1 << 20, 8192)
        assert not any(opened.read(1 << 20, 8192))


def test_an_mkfs_that_was_cut_short_is_made_again(disk: Path) -> None:
    filesystem.make(disk, "xfs", "STATE")
    with OpenDisk(disk, writable=True) as opened:
        opened.write(126, b"\1")
    assert filesystem.found(disk) == ""
    assert filesystem.ensure(disk, "xfs", "STATE")


@pytest.mark.parametrize("at", [0, 3])
def test_a_damaged_first_block_is_no_reason_to_make_the_file_system_anew(disk: Path, at: int) -> None:
    filesystem.make(disk, "xfs", "STATE")
    with OpenDisk(disk, writable=True) as opened:
        byte = opened.read(at, 1)
        opened.write(at, bytes([byte[0] ^ 4]))
        before = opened.read(0, 1 << 20)
    with pytest.raises(FormatError, match=r"\(STATE\) is not empty .* left as it is"):
        filesystem.ensure(disk, "xfs", "STATE")
    with OpenDisk(disk, writable=True) as opened:
        assert opened.read(0, 1 << 20) == before
        opened.write(at, byte)
    assert not filesystem.ensure(disk, "xfs", "STATE")


def test_meta_is_kept_in_two_copies(disk: Path) -> None:
    assert partition_path(Path("/dev/nvme0n1"), 2) == Path("/dev/nvme0n1p2")
    assert partition_path(Path("/dev/sda"), 2) == Path("/dev/sda2")
    store = meta_store.PartitionStore(disk)
    store.save({10: b"a", 12: b"b"})
    assert meta_store.PartitionStore(disk).load() == {10: b"a", 12: b"b"}
