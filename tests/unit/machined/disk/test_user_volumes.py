"""Volumes of the user on loop devices: made, found again, taken down, refused; and what is said of them."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace
from tests.unit.machined.disk.conftest import attached
from tests.unit.machined.disk.loop_disk import GIB, LOSETUP, needs_loop

from talos.config import Config
from talos.config.view.model import UserVolume
from talos.imager.boot import iso
from talos.imager.errors import ImageError
from talos.linux import block, capabilities, gpt, swap
from talos.linux.block import BlockDevice
from talos.linux.disk_io import OpenDisk
from talos.linux.mount import mounted_at, mounts, umount
from talos.machined.disk import existing, filesystem, reset, swap_volume, user_disks
from talos.machined.disk.system_disk import SystemDisk
from talos.machined.disk.user_volumes import Outcome, UserVolumes

pytestmark = [pytest.mark.slow, needs_loop]
MIB = 1 << 20
_SYS_RESOURCE = 24
DATA = "name: data\nprovisioning: {diskSelector: {match: '!system_disk'}, minSize: 512MiB, maxSize: 1GiB}\n"
WHOLE = "name: whole\nvolumeType: disk\nprovisioning: {diskSelector: {match: '!system_disk'}}\n"


def volume(text: str, kind: str = "UserVolumeConfig") -> UserVolume:
    return Config.decode(f"apiVersion: v1alpha1\nkind: {kind}\n{text}").machine.volumes[0]


class Machine:
    """A system's disk with nothing but STATE's folder, and one disk more."""

    def __init__(self, folder: Path, *disks: Path) -> None:
        self.state, self.root, self.disks = folder / "state", folder / "root", list(disks)
        self.state.mkdir(exist_ok=True)
        with OpenDisk(disks[0], writable=True) as opened:
            table = gpt.new(opened.sectors, opened.sector)
            for name in ("EFI", "META", "STATE"):
                table = table.add(name, 100 * MIB)
            opened.write_table(table.add("EPHEMERAL", None))

    def volumes(self) -> UserVolumes:
        """As after a start."""
        return UserVolumes(self.state, self.disks[0], self.root, self.known, self.devices)

    def known(self) -> list[BlockDevice]:
        return [block.device(block.SYS, path.name) for path in self.disks]

    def devices(self) -> list[BlockDevice]:
        parts = [part for path in self.disks for part in (block.SYS / "block" / path.name).glob(f"{path.name}p*")]
        return [*self.known(), *(block.device(block.SYS, part.name) for part in parts)]

    def reconciled(self, *wanted: UserVolume) -> dict[str, Outcome]:
        return self.volumes().reconciled(wanted)

    def ready(self, *wanted: UserVolume) -> dict[str, Outcome]:
        found = self.reconciled(*wanted)
        assert [outcome.state.problem for outcome in found.values() if outcome.state.problem] == []
        return found

    def mnt(self, name: str) -> Path:
        return self.root / "var/mnt" / name

    def names(self, number: int = 1) -> list[str]:
        with OpenDisk(self.disks[number]) as opened:
            return [part.name for part in opened.table().partitions]


@pytest.fixture
def machine(tmp_path: Path, disk: Path, other: Path) -> Iterator[Machine]:
    yield Machine(tmp_path, disk, other)


def test_a_partition_is_made_once_and_keeps_what_is_on_it(machine: Machine) -> None:
    found = machine.ready(volume(DATA))["u-data"]
    assert machine.names() == ["u-data"] and found.target == "/var/mnt/data"
    assert found.lying is not None and (found.lying.device, found.kind) == (Path(f"{machine.disks[1]}p1"), "xfs")
    assert found.size == GIB
    mount = mounted_at(machine.mnt("data"))
    assert mount is not None and {"nosuid", "nodev"} <= set(mount.options) and "noatime" not in mount.options
    (machine.mnt("data") / "kept").write_text("x")
    again = machine.ready(volume(DATA))["u-data"]
    assert again.lying == found.lying and (machine.mnt("data") / "kept").read_text() == "x"
    # Gone with its document, back with it.
    assert machine.ready() == {}
    assert mounted_at(machine.mnt("data")) is None and not machine.mnt("data").exists()
    assert machine.names() == ["u-data"]
    machine.ready(volume(DATA))
    assert (machine.mnt("data") / "kept").read_text() == "x"


def test_what_is_in_use_is_taken_down_when_it_no_longer_is(machine: Machine) -> None:
    machine.ready(volume(DATA))
    volumes = machine.volumes()
    with (machine.mnt("data") / "open").open("w"):
        found = volumes.reconciled([])
        assert "u-data is no longer configured and still there" in found["u-data"].state.problem
    assert volumes.reconciled([]) == {}
    assert mounted_at(machine.mnt("data")) is None


def test_a_whole_disk(machine: Machine) -> None:
    with OpenDisk(machine.disks[1], writable=True) as opened:
        opened.write_table(gpt.new(opened.sectors, opened.sector))  # an empty table is nothing
    found = machine.ready(volume(WHOLE))["u-whole"]
    assert found.lying is not None and found.lying.device == machine.disks[1] and found.size == 4 * GIB
    (machine.mnt("whole") / "kept").write_text("x")
    assert machine.ready() == {}
    machine.ready(volume(WHOLE))
    assert (machine.mnt("whole") / "kept").read_text() == "x"
    with OpenDisk(machine.disks[1]) as opened, pytest.raises(gpt.TableError):
        opened.table()


def test_a_disk_that_is_missing_is_no_reason_for_an_empty_volume_elsewhere(machine: Machine) -> None:
    machine.ready(volume(DATA))
    (machine.mnt("data") / "kept").write_text("x")
    volumes, both = machine.volumes(), machine.disks
    volumes.take_down("u-data")  # as a start finds it
    anywhere = replace(volume(DATA), provisioning=replace(volume(DATA).provisioning, selector="true"))
    machine.disks = both[:1]
    found = machine.reconciled(anywhere)["u-data"]
    assert "which no disk of this machine has now: put the disk back" in found.state.problem
    machine.disks = both
    machine.ready(anywhere)
    assert (machine.mnt("data") / "kept").read_text() == "x"


@pytest.mark.parametrize("text", [DATA, WHOLE])
@pytest.mark.parametrize("what", ["ext4", "dos", "random", "gpt"])
def test_what_lies_there_is_refused_and_stays(machine: Machine, text: str, what: str) -> None:
    device = machine.disks[1]
    if what == "ext4":
        subprocess.run(["/sbin/mkfs.ext4", "-q", device], check=True)
    elif what == "random":
        with OpenDisk(device, writable=True) as opened:
            opened.write(100_000, b"somebody's")
    else:
        subprocess.run(["/usr/sbin/sfdisk", "-q", device], input=f"label: {what}\n,3800M\n", text=True, check=True)
    with OpenDisk(device) as opened:
        before = opened.read(0, 2 * MIB)
    problem = next(iter(machine.reconciled(volume(text)).values())).state.problem
    assert str(device) in problem and ("holds" in problem or "MiB free" in problem)
    with OpenDisk(device) as opened:
        assert opened.read(0, 2 * MIB) == before


def test_a_partition_of_that_name_with_something_else_on_it_stays(machine: Machine) -> None:
    device = machine.disks[1]
    subprocess.run(["/usr/sbin/sfdisk", "-q", device], input="label: gpt\nname=u-data,size=1G\n", text=True, check=True)
    machine.reconciled()
    with OpenDisk(device, writable=True) as opened:
        opened.tell_kernel(opened.table())
    subprocess.run(["/sbin/mkfs.ext4", "-q", f"{device}p1"], check=True)
    problem = machine.reconciled(volume(DATA))["u-data"].state.problem
    assert "holds ext4, not xfs: wipe it if nobody needs it" in problem


def test_two_of_one_name_are_for_a_person_to_tell_apart(machine: Machine) -> None:
    with OpenDisk(machine.disks[1], writable=True) as opened:
        opened.write_table(gpt.new(opened.sectors, opened.sector).add("u-data", GIB).add("u-data", GIB))
    problem = machine.reconciled(volume(DATA))["u-data"].state.problem
    assert "more than one has that name" in problem


def test_it_grows_only_when_told(machine: Machine, tmp_path: Path) -> None:
    unlimited = "name: data\nprovisioning: {diskSelector: {match: '!system_disk'}, minSize: 1GiB%s}\n"
    machine.ready(volume(unlimited % ""))
    before = os.statvfs(machine.mnt("data")).f_blocks * 4096
    machine.volumes().take_down("u-data")
    with (tmp_path / "other.img").open("r+b") as file:
        file.truncate(6 * GIB)
    assert LOSETUP is not None
    subprocess.run([LOSETUP, "--set-capacity", machine.disks[1]], check=True)
    machine.ready(volume(unlimited % ""))
    assert os.statvfs(machine.mnt("data")).f_blocks * 4096 == before
    machine.volumes().take_down("u-data")
    machine.ready(volume(unlimited % ", grow: true"))
    assert os.statvfs(machine.mnt("data")).f_blocks * 4096 > 5 * GIB


def test_mount_options_follow_the_configuration(machine: Machine) -> None:
    found = machine.ready(volume(f"{DATA}filesystem: {{projectQuotaSupport: true}}\n"))["u-data"]
    mount = mounted_at(machine.mnt("data"))  # a kernel without quotas mounts it all the same, and nobody is told it has
    assert mount is not None and ("prjquota" in mount.super_options) == found.project_quota
    machine.ready(volume(f"{DATA}mount: {{secure: false, disableAccessTime: true}}\n"))
    mount = mounted_at(machine.mnt("data"))
    assert mount is not None and "noatime" in mount.options and "nosuid" not in mount.options
    assert len([one for one in mounts() if one.target == str(machine.mnt("data"))]) == 1


def test_a_reset_of_its_disk_unmounts_it(machine: Machine) -> None:
    machine.ready(volume(DATA))
    (machine.mnt("data") / "secret").write_bytes(b"a secret that nobody may read " * 40)
    os.sync()
    user_disks.wipe([str(machine.disks[1])], f"{machine.root}/var/mnt/")
    assert mounted_at(machine.mnt("data")) is None
    with OpenDisk(machine.disks[1]) as opened:
        assert not any(opened.read(0, 64 * MIB))
    assert filesystem.found(machine.disks[1]) == ""


def test_a_reset_of_the_machine_overwrites_those_on_its_disk(machine: Machine) -> None:
    with OpenDisk(machine.disks[0], writable=True) as opened:
        opened.write_table(opened.table().remove("EPHEMERAL"))
    found = machine.ready(volume(DATA.replace("!system_disk", "system_disk")))["u-data"]
    (machine.mnt("data") / "secret").write_bytes(b"a secret that nobody may read " * 40)
    assert found.lying is not None
    with OpenDisk(machine.disks[0]) as opened:
        part = opened.table().named("u-data")
        reset.wipe([], SystemDisk(machine.disks[0], opened.table()), machine.root)
        assert part is not None
        umount(machine.mnt("data"))
        assert not any(opened.read(part.first * opened.sector, 256 * MIB))


def test_a_record_that_cannot_be_read_makes_nothing_anew(machine: Machine) -> None:
    (machine.state / "user-volumes.json").write_text("{")
    assert "user-volumes.json cannot be read" in machine.reconciled(volume(DATA))["u-data"].state.problem
    with OpenDisk(machine.disks[1]) as opened:
        assert not any(opened.read(0, MIB))


# -- other kinds --

RAW = "name: data\nprovisioning: {diskSelector: {match: '!system_disk'}, maxSize: 25%}\n"


def test_a_raw_volume_is_a_partition_and_nothing_more(machine: Machine) -> None:
    both = (volume(DATA), volume(RAW, "RawVolumeConfig"))
    found = machine.ready(*both)
    assert machine.names() == ["r-data", "u-data"] or machine.names() == ["u-data", "r-data"]
    raw = found["r-data"]
    assert (raw.target, raw.kind, raw.size) == ("", "", GIB) and raw.lying is not None
    with OpenDisk(raw.lying.device, writable=True) as opened:
        opened.write(0, b"whatever a program likes")
    assert machine.ready(*both)["r-data"].lying == raw.lying
    machine.ready(volume(DATA))  # the name is the other's too, which stays
    assert mounted_at(machine.mnt("data")) is not None
    with OpenDisk(raw.lying.device) as opened:
        assert opened.read(0, 8) == b"whatever"


EXISTING = "name: photos\ndiscovery: {volumeSelector: {match: \"%s\"}}\n%s"


@pytest.mark.parametrize("kind", ["ext4", "xfs"])
def test_an_existing_volume_is_mounted_and_left_as_it_is(machine: Machine, kind: str) -> None:
    device = machine.disks[1]
    subprocess.run([f"/sbin/mkfs.{kind}", "-q", "-L", "PHOTOS", device], check=True)
    text = EXISTING % ("volume.label == 'PHOTOS' && !system_disk", "mount: {readOnly: true}\n")
    found = machine.ready(volume(text, "ExistingVolumeConfig"))["e-photos"]
    assert (found.target, found.kind) == ("/var/mnt/photos", kind)
    mount = mounted_at(machine.mnt("photos"))
    assert mount is not None and {"ro", "nosuid", "nodev"} <= set(mount.options) and mount.fstype == kind
    assert machine.ready() == {} and mounted_at(machine.mnt("photos")) is None


def test_an_expression_has_to_mean_one_volume_that_is_not_the_systems(machine: Machine) -> None:
    def problem(expression: str) -> str:
        wanted = volume(EXISTING % (expression, ""), "ExistingVolumeConfig")
        return machine.reconciled(wanted)["e-photos"].state.problem

    assert "no volume matches" in problem("volume.partition_label == 'EPHEMERAL'")
    assert "no volume matches" in problem("system_disk")
    with OpenDisk(machine.disks[1], writable=True) as opened:
        opened.write_table(gpt.new(opened.sectors, opened.sector).add("A", GIB).add("B", GIB))
    assert "means more than one volume" in problem("volume.partition_label in ['A', 'B']")
    assert "it holds nothing, not one of xfs" in problem("volume.partition_label == 'A'")
    assert "there is no field colour" in problem("volume.colour == 'red'")


SWAPLABEL = shutil.which("swaplabel", path="/usr/sbin:/sbin")


def test_a_swap_partition(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """A gigabyte is not turned on here: this machine is not the test's."""
    turned: list[tuple[str, Path]] = []
    monkeypatch.setattr(swap, "swapon", lambda device: turned.append(("on", device)))
    text = "name: one\nprovisioning: {diskSelector: {match: '!system_disk'}, maxSize: 1GiB}\n"
    wanted = volume(text, "SwapVolumeConfig")
    found = machine.ready(wanted)["s-one"]
    device = Path(f"{machine.disks[1]}p1")
    assert (found.kind, found.size, turned) == ("swap", GIB, [("on", device)])
    if SWAPLABEL:
        said = subprocess.run([SWAPLABEL, device], capture_output=True, text=True, check=True).stdout
        assert "LABEL: s-one" in said and found.uuid in said
    before = found.uuid
    assert machine.ready(wanted)["s-one"].uuid == before
    assert machine.ready() == {}


def test_swap_is_turned_on_and_off(tmp_path: Path) -> None:
    with attached(tmp_path, "swap.img", 2 * MIB) as device:
        with OpenDisk(device, writable=True) as opened:  # 60 KiB of it: this machine is not the test's
            opened.write(0, swap.header(64 << 10, "s-tiny", uuid.uuid4()))
        assert not swap_volume.ensure(device, "s-tiny")
        try:
            swap_volume.turn_on(device)
        except OSError as error:
            pytest.skip(f"no swap here: {error}")
        try:
            swap_volume.turn_on(device)  # which it is
            assert [area.size for area in swap.areas() if area.path == str(device)] == [15 * swap.PAGE]
        finally:
            swap_volume.turn_off(device)
        assert str(device) not in [area.path for area in swap.areas()]


def test_swap_is_not_made_over_something(disk: Path) -> None:
    filesystem.make(disk, "xfs", "PHOTOS")
    with pytest.raises(filesystem.FormatError, match="holds xfs, not swap"):
        swap_volume.ensure(disk, "s-one")


DISKS = """version: v1alpha1
machine:
  type: worker
  disks:
  - device: {device}
    partitions:
    - {{mountpoint: /var/mnt/first, size: 600MB}}
    - {{mountpoint: /var/lib/extra/second}}
"""


def of_disks(device: Path) -> tuple[UserVolume, ...]:
    return Config.decode(DISKS.format(device=device)).machine.volumes


def test_partitions_of_the_legacy_section(machine: Machine) -> None:
    first, second = "d-mnt/first", "d-lib/extra/second"
    wanted = of_disks(machine.disks[1])
    assert [volume.id for volume in wanted] == [first, second]
    found = machine.ready(*wanted)
    assert machine.names() == [first, second]
    assert [found[id].target for id in (first, second)] == ["/var/mnt/first", "/var/lib/extra/second"]
    assert found[first].size == 572 * MIB and 3 * GIB < found[second].size < 4 * GIB  # what the first leaves
    places = [machine.root / "var/mnt/first", machine.root / "var/lib/extra/second"]
    for place in places:
        mount = mounted_at(place)
        assert mount is not None and "nosuid" not in mount.options
        (place / "kept").write_text("x")
    machine.ready(*wanted)
    assert machine.ready() == {}
    assert [mounted_at(place) for place in places] == [None, None]
    machine.ready(*wanted)
    assert [(place / "kept").read_text() for place in places] == ["x", "x"]
    for place in places:
        umount(place)


def test_the_systems_disk_is_none_of_the_legacy_section(machine: Machine) -> None:
    found = machine.reconciled(*of_disks(machine.disks[0]))
    assert all("no disk matches" in outcome.state.problem for outcome in found.values())


@pytest.mark.skipif(shutil.which("mkfs.ext4", path="/usr/sbin:/sbin") is None, reason="needs e2fsprogs")
def test_ext4_is_made_found_again_and_grows(machine: Machine) -> None:
    small = volume(DATA + "filesystem: {type: ext4}\n")
    found = machine.ready(small)["u-data"]
    mount = mounted_at(machine.mnt("data"))
    assert found.kind == "ext4" and mount is not None and {"nosuid", "nodev"} <= set(mount.options)
    (machine.mnt("data") / "kept").write_text("x")
    before = os.statvfs(machine.mnt("data")).f_blocks
    assert machine.ready() == {}
    larger = replace(small, provisioning=replace(small.provisioning, max_size=2 * GIB, grow=True))
    assert machine.ready(larger)["u-data"].size == 2 * GIB
    assert (machine.mnt("data") / "kept").read_text() == "x"
    if _SYS_RESOURCE in capabilities.of_process(os.getpid())["CapEff"]:  # the kernel asks for it, of root as well
        assert os.statvfs(machine.mnt("data")).f_blocks > before * 3 // 2
    found = machine.reconciled(volume(DATA))["u-data"]  # mounted: what it holds is not touched
    assert found.state.problem == ""
    umount(machine.mnt("data"))
    assert "holds ext4, not xfs" in machine.reconciled(volume(DATA))["u-data"].state.problem


@pytest.mark.skipif(shutil.which("mkfs.ext4", path="/usr/sbin:/sbin") is None, reason="needs e2fsprogs")
def test_a_whole_disk_with_ext4_is_found_by_its_longer_label(machine: Machine) -> None:
    text = "name: abcdefghijklmnop\nvolumeType: disk\nprovisioning: {diskSelector: {match: '!system_disk'}}\n"
    wanted = volume(text + "filesystem: {type: ext4}\n")
    first = machine.ready(wanted)["u-abcdefghijklmnop"]
    assert machine.ready() == {}
    again = machine.ready(wanted)["u-abcdefghijklmnop"]
    assert (again.kind, again.uuid) == ("ext4", first.uuid) and again.size == 4 * GIB


def caches(text: str = "") -> tuple[UserVolume, ...]:
    """Partition and medium of the node's cache of images."""
    head = "apiVersion: v1alpha1\nkind: "
    config = Config.decode(f"{head}ImageCacheConfig\nlocal: {{enabled: true}}\n---\n{head}VolumeConfig\n"
                           f"name: IMAGECACHE\n{text}")  # fmt: skip
    return config.machine.image_cache_volumes


def test_a_cache_of_images_has_a_partition_of_its_own(machine: Machine) -> None:
    partition, _ = caches("provisioning: {diskSelector: {match: '!system_disk'}, minSize: 600MiB, maxSize: 700MiB}\n")
    found = machine.ready(partition)["IMAGECACHE"]
    assert (found.target, found.kind, found.size) == ("/system/imagecache/disk", "ext4", 700 * MIB)
    place = machine.root / "system/imagecache/disk"
    (place / "blob").mkdir()
    assert machine.ready() == {} and mounted_at(place) is None
    machine.ready(partition)
    assert (place / "blob").is_dir()
    assert machine.ready() == {}


def test_a_cache_of_images_on_the_medium_of_the_system(machine: Machine, tmp_path: Path) -> None:
    """What the imager writes is what is looked for. It is mounted where the kernel here can do that."""
    cache = tmp_path / "cache"
    digest = cache / "manifests/registry.example.org_5000/some/thing/digest"
    digest.mkdir(parents=True)
    named = digest / f"sha256-{hashlib.sha256(b'{}').hexdigest()}"
    named.write_bytes(b"{}")
    (tmp_path / "esp").write_bytes(bytes(MIB))
    iso.build(tmp_path / "iso", tmp_path / "esp", tmp_path / "work", cache)
    system_area = 32 << 10  # its partition table counts in 512 bytes, which a CD drive does not see
    written = bytes(system_area) + (tmp_path / "iso").read_bytes()[system_area:]
    with OpenDisk(machine.disks[1], writable=True) as opened:
        opened.write(0, written + bytes(-len(written) % 4096))
    _, medium = caches()
    found = existing.find(medium.match, machine.devices(), machine.disks[0])
    assert (found.device, found.kind) == (machine.disks[1], "iso9660")
    took = ["xorriso", "-osirrox", "on", "-indev", tmp_path / "iso", "-extract", "/imagecache", tmp_path / "read"]
    subprocess.run(took, check=True, capture_output=True)
    assert (tmp_path / "read" / named.relative_to(cache)).read_bytes() == b"{}"
    if "iso9660" in Path("/proc/filesystems").read_text():
        outcome = machine.ready(medium)["IMAGECACHE-ISO"]
        assert (outcome.target, outcome.kind) == ("/system/imagecache/iso", "iso9660")
        assert (machine.root / "system/imagecache/iso/imagecache" / named.relative_to(cache)).read_bytes() == b"{}"
        assert machine.ready() == {}


def test_nobody_else_s_file_is_in_an_iso(tmp_path: Path) -> None:
    (tmp_path / "esp").write_bytes(bytes(MIB))
    for folder, words in ((tmp_path / "none", "is no flat cache of images"), (tmp_path / "strange", "cannot be taken")):
        with pytest.raises(ImageError, match=words):
            (tmp_path / "strange/manifests").mkdir(parents=True, exist_ok=True)
            (tmp_path / "strange/manifests/link").unlink(missing_ok=True)
            (tmp_path / "strange/manifests/link").symlink_to("/etc/passwd")
            iso.build(tmp_path / "iso", tmp_path / "esp", tmp_path / "work", folder)
