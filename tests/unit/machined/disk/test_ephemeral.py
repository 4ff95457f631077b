"""EPHEMERAL where the configuration wants it: two loop devices, started again and again, grown, wiped, taken away."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from msgspec.structs import replace
from tests.unit.machined.disk.loop_disk import GIB, LOSETUP, needs_loop, targets

from talos.controllers.block.started import VolumeState
from talos.linux import block
from talos.linux.disk_io import OpenDisk
from talos.linux.mount import mounted_at, umount
from talos.machined.disk import conversion, ephemeral, filesystem, installer, placement, reset, system_disk
from talos.machined.disk.installer import Plan
from talos.machined.disk.volumes import BringUp, concerns_volumes

pytestmark = [pytest.mark.slow, needs_loop]
CONFIG = """version: v1alpha1
machine: {{type: worker}}
---
apiVersion: v1alpha1
kind: VolumeConfig
name: EPHEMERAL
{}
"""
OTHER = "provisioning: {diskSelector: {match: '!system_disk'}, minSize: 1GiB}"


class Machine:
    """A disk with the system, and others. `started` is one start."""

    def __init__(self, plan: Plan, root: Path, *others: Path) -> None:
        self.plan, self.root, self.disks = plan, root, [plan.disk, *others]
        self.where, self.patience_s = targets(root), 0.0

    def install(self, text: str) -> None:
        (self.plan.state / "config.yaml").write_text(CONFIG.format(text))
        installer.install(replace(self.plan, ephemeral=False))

    def configure(self, text: str) -> None:
        (self.root / "system/state/config.yaml").write_text(CONFIG.format(text))

    @contextmanager
    def started(self) -> Iterator[dict[str, VolumeState]]:
        found = system_disk.find(self.disks, "")
        assert found is not None
        listed = [block.device(block.SYS, path.name) for path in self.disks]
        shown = iter([listed[:1]] if self.patience_s else [])  # the other disk comes a moment later
        try:
            disk = system_disk.complete(found)
            disks = lambda: next(shown, listed)  # noqa: E731
            yield BringUp(disk, self.root, self.where, disks=disks, patience_s=self.patience_s).run()
        finally:
            for _, target, _, _ in reversed(self.where):
                if mounted_at(self.root / target.lstrip("/")) is not None:
                    umount(self.root / target.lstrip("/"))

    def partitions(self, number: int) -> list[str]:
        with OpenDisk(self.disks[number]) as opened:
            return [part.name for part in opened.table().partitions]

    @property
    def var(self) -> Path:
        return self.root / "var"

    def size(self) -> int:
        return os.statvfs(self.var).f_blocks * 4096


@pytest.fixture
def machine(tmp_path: Path, plan: Plan, other: Path) -> Machine:
    return Machine(plan, tmp_path / "root", other)


def test_it_goes_to_another_disk_and_is_found_there_again(machine: Machine) -> None:
    machine.install(OTHER)
    assert machine.partitions(0) == ["EFI", "META", "STATE"]
    with machine.started() as states:
        assert states["EPHEMERAL"].problem == ""
        assert states["EPHEMERAL"].partition == f"{machine.disks[1]}p1"
        assert machine.partitions(1) == ["EPHEMERAL"] and machine.size() > 3 * GIB
        (machine.var / "kept").write_text("x")
        # What is configured later changes nothing of a volume that is there.
        machine.configure("provisioning: {diskSelector: {match: 'system_disk'}, minSize: 1GiB, maxSize: 1GiB}")
    with machine.started() as states:
        assert states["EPHEMERAL"].problem == "" and (machine.var / "kept").read_text() == "x"
        machine.configure("mount: {secure: true}")
    with machine.started():
        assert (machine.var / "kept").read_text() == "x"
    assert machine.partitions(0) == ["EFI", "META", "STATE"]


def test_a_disk_that_comes_late_is_waited_for(machine: Machine) -> None:
    machine.install(OTHER)
    machine.patience_s = 60.0
    for _ in range(2):
        with machine.started() as states:
            assert states["EPHEMERAL"].partition == f"{machine.disks[1]}p1"


def test_a_disk_that_is_missing_is_no_reason_to_begin_anew(machine: Machine) -> None:
    machine.install(OTHER)
    with machine.started():
        (machine.var / "kept").write_text("x")
    both = machine.disks
    machine.disks = both[:1]
    with machine.started() as states:
        assert "and no disk of this machine has that now: put the disk back" in states["EPHEMERAL"].problem
        assert mounted_at(machine.var) is None
    machine.disks = both
    with machine.started():
        assert (machine.var / "kept").read_text() == "x"


def test_a_reset_lets_the_configuration_decide_again(machine: Machine) -> None:
    machine.install(OTHER)
    with machine.started() as states:
        (machine.var / "kept").write_text("x")
        machine.configure("provisioning: {minSize: 1GiB, maxSize: 1536MiB}")
        found = system_disk.find(machine.disks, "")
        assert found is not None
        reset.wipe(["EPHEMERAL"], found, machine.root, {"EPHEMERAL": Path(states["EPHEMERAL"].partition)})
    with OpenDisk(machine.disks[1]) as opened:
        assert not any(opened.read(1 << 20, 64 << 20))
    for _ in range(2):
        with machine.started() as states:
            assert states["EPHEMERAL"].problem == "" and not (machine.var / "kept").exists()
            assert machine.partitions(0)[-1] == "EPHEMERAL" and machine.partitions(1) == []
            assert GIB < machine.size() < 3 * GIB // 2


def test_it_is_limited_and_grows_only_as_told(machine: Machine, tmp_path: Path) -> None:
    machine.install("provisioning: {minSize: 1GiB, maxSize: 1536MiB, grow: false}")
    with machine.started():
        first = machine.size()
        assert GIB < first < 3 * GIB // 2
        machine.configure("provisioning: {minSize: 1GiB, maxSize: 2GiB, grow: false}")
    with machine.started():
        assert machine.size() == first
        machine.configure("provisioning: {minSize: 1GiB, maxSize: 2GiB}")
    with machine.started():
        assert first < machine.size() < 2 * GIB
    with (tmp_path / "disk.img").open("r+b") as file:
        file.truncate(7 * GIB)
    assert LOSETUP is not None
    subprocess.run([LOSETUP, "--set-capacity", machine.disks[0]], check=True)
    with machine.started():
        assert machine.size() < 2 * GIB
        machine.configure("provisioning: {maxSize: 50%}")
    with machine.started():
        assert 3 * GIB < machine.size() < 7 * GIB // 2


@pytest.mark.parametrize("what", ["xfs", "dos", "random"])
def test_what_lies_on_another_disk_is_refused_and_stays(machine: Machine, what: str) -> None:
    if what == "xfs":
        filesystem.make(machine.disks[1], "xfs", "PHOTOS")
    elif what == "dos":
        subprocess.run(["/usr/sbin/sfdisk", "-q", machine.disks[1]], input="label: dos\n,1G\n", text=True, check=True)
    else:
        with OpenDisk(machine.disks[1], writable=True) as opened:
            opened.write(100_000, b"somebody's")
    with OpenDisk(machine.disks[1]) as opened:
        before = opened.read(0, 1 << 20)
    machine.install(OTHER)
    with machine.started() as states:
        assert f"no disk has room for EPHEMERAL: {machine.disks[1]} holds" in states["EPHEMERAL"].problem
        assert states["STATE"].problem == "" and mounted_at(machine.var) is None
    with OpenDisk(machine.disks[1]) as opened:
        assert opened.read(0, 1 << 20) == before
    assert machine.partitions(0) == ["EFI", "META", "STATE"]


def test_the_system_disk_of_another_machine_is_not_taken(machine: Machine, tmp_path: Path) -> None:
    stranger = replace(machine.plan, disk=machine.disks[1], efi_kind="xfs")
    with pytest.raises(installer.InstallError, match="a system disk needs"):
        installer.install(stranger)
    found = placement.candidates([block.device(block.SYS, machine.disks[1].name)], None)[0]
    assert found.table is not None
    with OpenDisk(machine.disks[1], writable=True) as opened:
        opened.write_table(found.table.add("META", 1 << 20).add("EPHEMERAL", 3 * GIB))
    machine.install(OTHER)
    with machine.started() as states:
        assert "is the system disk of another installation" in states["EPHEMERAL"].problem


def test_partitions_of_others_stay_where_they_are(machine: Machine) -> None:
    script = "label: gpt\nname=DATA,size=1G\n"
    subprocess.run(["/usr/sbin/sfdisk", "-q", machine.disks[1]], input=script, text=True, check=True)
    with OpenDisk(machine.disks[1]) as opened:
        data = opened.table().named("DATA")
    machine.install(OTHER)
    with machine.started() as states:
        assert states["EPHEMERAL"].problem == ""
    with OpenDisk(machine.disks[1]) as opened:
        assert opened.table().named("DATA") == data and opened.table().named("EPHEMERAL") is not None


def test_a_disk_image_moves_it_before_anything_is_kept_on_it(machine: Machine) -> None:
    machine.install("mount: {secure: true}")
    with machine.started() as states:  # as an image starts: on the system's disk, with all the room that there is
        assert states["EPHEMERAL"].fresh and machine.partitions(0)[-1] == "EPHEMERAL"
        here = Path(states["EPHEMERAL"].partition)
        listed = [block.device(block.SYS, path.name) for path in machine.disks]
        wanted = placement.Provisioning(selector="!system_disk", min_size=GIB)
        assert not ephemeral.agrees(machine.disks[0], wanted, listed, here)
        assert ephemeral.agrees(machine.disks[0], placement.Provisioning(), listed, here)
        machine.configure(OTHER)
        conversion.request(machine.root / "system/state", ["EPHEMERAL"])
    for _ in range(2):
        with machine.started() as states:
            assert states["EPHEMERAL"].problem == ""
            assert machine.partitions(0)[-1] == "STATE" and machine.partitions(1) == ["EPHEMERAL"]
            assert conversion.requested(machine.root / "system/state") == []


class PowerCutError(Exception):
    """The machine is off."""


@pytest.mark.parametrize("cut", range(12))
def test_power_that_is_lost_while_it_moves_leaves_one_ephemeral(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, cut: int
) -> None:
    machine.install("mount: {secure: true}")
    with machine.started():
        machine.configure(OTHER)
        conversion.request(machine.root / "system/state", ["EPHEMERAL"])
    left, plain = cut, OpenDisk.write

    def write(self: OpenDisk, offset: int, data: bytes) -> None:
        nonlocal left
        if any(data):
            if left == 0:
                raise PowerCutError
            left -= 1
        plain(self, offset, data)

    monkeypatch.setattr(OpenDisk, "write", write)
    try:
        with machine.started():
            pass
    except PowerCutError:
        pass
    monkeypatch.undo()
    with machine.started() as states:
        assert states["EPHEMERAL"].problem == ""
        assert (machine.partitions(0) + machine.partitions(1)).count("EPHEMERAL") == 1
        (machine.var / "kept").write_text("x")
    with machine.started():
        assert (machine.var / "kept").read_text() == "x"


def test_mount_options_and_groups_are_the_configurations(machine: Machine) -> None:
    options = "mount: {secure: false, disableAccessTime: true}"
    machine.install(f"{options}\nfilesystem: {{xfs: {{minAllocationGroupSize: 1GiB}}}}")
    with machine.started():
        mount = mounted_at(machine.var)
        assert mount is not None and "noatime" in mount.options and "nosuid" not in mount.options
        with OpenDisk(Path(mount.source)) as opened:
            head = opened.read(0, 96)
        assert int.from_bytes(head[88:92], "big") == 2  # sb_agcount


def test_a_configuration_that_says_nothing_of_volumes_is_not_read(tmp_path: Path) -> None:
    head = "---\napiVersion: v1alpha1\nkind: "
    install = f"{head}UnattendedInstallConfig\nprovisioning: {{diskSelector: {{match: 'true'}}}}\n"
    user = f"{head}UserVolumeConfig\nname: data\nprovisioning: {{minSize: 1GB}}\n"
    plain = CONFIG.format("mount: {secure: true}") + install + user
    assert not concerns_volumes(plain.encode())
    for text in ("mount: {secure: false}", OTHER, "encryption: {provider: luks2}", "mount: {disableAccessTime: true}",
                 "filesystem: {xfs: {minAllocationGroupSize: 1GiB}}"):  # fmt: skip
        assert concerns_volumes((install + CONFIG.format(text)).encode())
    assert concerns_volumes(b"machine: {systemDiskEncryption: {}}")
