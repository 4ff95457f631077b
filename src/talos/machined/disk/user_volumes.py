"""Volumes of the user: found by their label, made where there are none, opened, mounted; and taken down again.

    user      a partition, or a whole disk, with a file system, mounted at /var/mnt/NAME
    raw       a partition without
    existing  whatever holds a file system and is meant by an expression: mounted, and nothing else
    swap      a partition that memory is written to
    cache     a partition with a cache of images, or a medium that holds one, mounted below /system/imagecache

STATE remembers which partition (for a whole disk: which file system) each of them is. A disk that is missing, or comes
late, is so no reason to make an empty volume on another one. What is no longer configured is unmounted and forgotten;
its data stays, and comes back with its document.

Everything here blocks, and is called by one thread at a time.
"""

from __future__ import annotations

import contextlib
import errno
import json
import logging
from collections.abc import Callable, Iterable
from pathlib import Path

from msgspec import Struct, field

from talos.config.view.model import UserVolume
from talos.config.view.volumes import CACHE, DISK, EXISTING, PREFIXES, SWAP, USER, mount_path
from talos.controllers.block.started import VolumeState
from talos.controllers.block.user_volume_config import MINIMUM
from talos.linux import block, gpt
from talos.linux.block import BlockDevice, partition_path
from talos.linux.cryptsetup import Cost
from talos.linux.disk_io import OpenDisk
from talos.linux.mount import (
    MS_NOATIME,
    MS_NODEV,
    MS_NOSUID,
    MS_RDONLY,
    MS_REMOUNT,
    mount,
    mounted_at,
    umount,
)
from talos.linux.superblock import Superblock, probe
from talos.machined import durable
from talos.machined.disk import encrypted, existing, filesystem, luks, placement, swap_volume
from talos.machined.disk.encryption import Keys
from talos.machined.disk.filesystem import MADE, FormatError, VolumeError
from talos.machined.disk.layout import USER_VOLUMES
from talos.machined.disk.placement import Candidate, Place, PlaceError

log = logging.getLogger("machined.disk")

MADE_AND_MOUNTED = (USER, DISK, CACHE)
_EDGE = 1 << 20
_HEAD = 16 << 20


class Lying(Struct, frozen=True):
    """Where a volume is. number: 0 for a whole disk."""

    disk: Path
    device: Path
    identity: str
    number: int = 0


class Outcome(Struct):
    """What became of a volume. state.problem: why it is not there, "" if it is."""

    state: VolumeState = field(default_factory=VolumeState)
    lying: Lying | None = None
    target: str = ""
    """where it is mounted, "" for a volume that is not"""
    kind: str = ""
    """file system"""
    uuid: str = ""
    size: int = 0
    project_quota: bool = False


Failures = (VolumeError, FormatError, PlaceError, gpt.TableError, OSError)


class UserVolumes:
    """Those of this machine. state: where STATE is mounted. system: the system's disk."""

    def __init__(
        self,
        state: Path,
        system: Path,
        root: Path = Path("/"),
        disks: Callable[[], list[BlockDevice]] = block.disks,
        devices: Callable[[], Iterable[BlockDevice]] = block.devices,
        keys: Keys | None = None,
        cost: Cost | None = None,
    ) -> None:
        self._state, self._system, self._root = state, system, root
        self._disks, self._devices = disks, devices
        self._keys, self._cost = keys or Keys(state=state), cost

    def reconciled(self, wanted: Iterable[UserVolume]) -> dict[str, Outcome]:
        """By id: all that are wanted, and those that cannot be taken down yet."""
        volumes = {volume.id: volume for volume in wanted}
        found: dict[str, Outcome] = {}
        try:
            recorded = self._record()
        except VolumeError as error:
            return {id: Outcome(VolumeState(problem=f"{id}: {error}")) for id in volumes}
        for id in recorded.keys() - volumes.keys():
            try:
                self.take_down(id)
                self._note(id, None)
            except Failures as error:
                found[id] = Outcome(VolumeState(problem=f"{id} is no longer configured and still there: {error}"))
        for id, volume in volumes.items():
            found[id] = Outcome()
            try:
                self._bring_up(volume, found[id])
            except Failures as error:
                found[id].state.problem = f"{id}: {error}"
        return found

    def _existing(self, volume: UserVolume, outcome: Outcome) -> None:
        """Nothing is made, opened or remembered: the expression finds it at every start."""
        found = existing.find(volume.match, self._devices(), self._system)
        outcome.lying = Lying(found.disk, found.device, found.identity, found.number)
        outcome.state.partition = outcome.state.device = str(found.device)
        self._mounted(volume, found.device, found.kind, outcome)
        _told(outcome, found.device)
        self._note(volume.id, found.identity or str(found.device))

    def _target(self, id: str) -> Path:
        """Where it is mounted, of one that is."""
        return self._root / mount_path(id).lstrip("/")

    # -- finding and making --

    def _bring_up(self, volume: UserVolume, outcome: Outcome) -> None:
        if volume.role == EXISTING or volume.match:
            self._existing(volume, outcome)
            return
        known = placement.candidates(self._disks(), self._system)
        remembered = self._record().get(volume.id, "")
        lying = self._find(volume, known, remembered)
        if lying is None and remembered:
            raise VolumeError(
                f"it is {remembered}, which no disk of this machine has now: put the disk back; or take its document "
                "out of the configuration and apply it once more, and it is made anew, without its content"
            )
        lying = lying or self._make(volume, known)
        outcome.lying, outcome.state.partition = lying, str(lying.device)
        device = self._opened(volume, lying, outcome.state)
        if volume.role in MADE_AND_MOUNTED:
            if mounted_at(self._target(volume.id)) is None:
                self._formatted(volume, lying, device, outcome.state)
            self._mounted(volume, device, volume.filesystem, outcome)
        elif volume.role == SWAP:
            swap_volume.ensure(device, volume.id)
            swap_volume.turn_on(device)
        outcome.state.device = str(device)
        _told(outcome, device)
        if not lying.number:  # a whole disk is known by what lies on it
            lying = outcome.lying = Lying(lying.disk, lying.device, _identity(lying.device))
        if lying.identity != remembered:
            self._note(volume.id, lying.identity)

    def _find(self, volume: UserVolume, known: list[Candidate], remembered: str) -> Lying | None:
        """Once remembered it is that one and no other; before, the one of that name. VolumeError: there are two."""
        found = self._whole_disks(volume) if volume.kind == "disk" else _partitions(volume.id, known, remembered)
        if remembered:
            found = [one for one in found if one.identity == remembered]
        if len(found) > 1:
            listed = ", ".join(str(one.device) for one in found)
            raise VolumeError(f"more than one has that name, and nothing tells which is meant: {listed}")
        if found and volume.kind != "disk":
            self._grown(volume, found[0], known)
        return found[0] if found else None

    def _whole_disks(self, volume: UserVolume) -> list[Lying]:
        found = []
        for device in self._disks():
            if device.node == self._system:
                continue
            superblock = _superblock(device.node)
            if superblock and superblock.label in (volume.id, filesystem.label(volume.filesystem, volume.id)):
                found.append(Lying(device.node, device.node, superblock.uuid))
        return found

    def _grown(self, volume: UserVolume, lying: Lying, known: list[Candidate]) -> None:
        """A partition that follows its disk does so before it is opened."""
        if not volume.provisioning.grow or self._in_use(volume, lying):
            return
        table = next(one.table for one in known if one.path == lying.disk)
        assert table is not None
        grown = placement.grown(table, volume.id, volume.provisioning)
        if grown != table:
            part = grown.numbered(lying.number)
            assert part is not None
            placement.write(Place(lying.disk, grown, part), fresh=False)

    def _in_use(self, volume: UserVolume, lying: Lying) -> bool:
        holders = Path("/sys/class/block", lying.device.name, "holders")
        return mounted_at(self._target(volume.id)) is not None or any(holders.glob("*"))

    def _make(self, volume: UserVolume, known: list[Candidate]) -> Lying:
        if volume.kind == "disk":
            return self._taken(volume, known)
        place = placement.place(volume.id, volume.provisioning, MINIMUM, known)
        placement.write(place)
        log.info("%s: %d MiB of %s", volume.id, place.partition.sectors * place.table.sector >> 20, place.disk)
        identity, device = str(place.partition.id), partition_path(place.disk, place.partition.number)
        self._note(volume.id, identity)
        return Lying(place.disk, device, identity, place.partition.number)

    def _taken(self, volume: UserVolume, known: list[Candidate]) -> Lying:
        """A whole disk on which nothing lies. PlaceError."""
        reasons = []
        for one in placement.matching(volume.provisioning, known):
            if one.table is None or one.table.partitions:
                names = ", ".join(part.name or str(part.number) for part in one.table.partitions) if one.table else ""
                reasons.append(f"{one.path} {one.problem or f'holds partitions ({names})'}")
                continue
            with OpenDisk(one.path, writable=True) as disk:
                # An empty table has a copy at the end, which would be found again.
                disk.wipe(0, min(_HEAD, disk.size))
                disk.wipe(max(0, disk.size - _EDGE), min(_EDGE, disk.size))
            log.info("%s: the whole of %s", volume.id, one.path)
            return Lying(one.path, one.path, "")
        raise PlaceError(f"no disk is free for {volume.id}: {'; '.join(reasons) or 'the selector means none'}")

    # -- what lies on it --

    def _opened(self, volume: UserVolume, lying: Lying, state: VolumeState) -> Path:
        """The device in clear."""
        wanted = volume.encryption
        if wanted is None:
            encrypted.check_clear(lying.device)
            return lying.device
        state.encrypted, state.keys = True, [key.kind for key in wanted.keys]
        state.locked_to_state = any(key.lock_to_state for key in wanted.keys)
        state.allow_discards = wanted.allow_discards
        clear = Path("/dev/mapper", luks.mapping(volume.id))
        if clear.exists() and any(Path("/sys/class/block", lying.device.name, "holders").glob("*")):
            return clear  # machined was started again
        opened, _ = encrypted.opened(volume.id, lying.device, wanted, self._keys, self._state, self._cost)
        state.slot = opened.slot
        if volume.filesystem and opened.unformatted:
            filesystem.make(opened.device, volume.filesystem, volume.id, volume.min_allocation_group_size)
        if opened.unformatted:
            luks.formatted(lying.device, volume.id)
        state.failed_syncs = encrypted.synced(
            volume.id, lying.device, wanted, opened, self._keys, self._state, self._cost
        )
        return opened.device

    @staticmethod
    def _formatted(volume: UserVolume, lying: Lying, device: Path, state: VolumeState) -> None:
        if volume.filesystem not in MADE:
            raise VolumeError(f"the file system {volume.filesystem} is not made by this version: {', '.join(MADE)} is")
        made = filesystem.ensure(device, volume.filesystem, volume.id, volume.min_allocation_group_size)
        state.fresh = made
        if made:
            _changed(lying.device)

    def _mounted(self, volume: UserVolume, device: Path, kind: str, outcome: Outcome) -> None:
        target = self._target(volume.id)
        flags = MS_NOSUID | MS_NODEV if volume.secure else 0
        flags |= MS_NOATIME if volume.disable_access_time else 0
        flags |= MS_RDONLY if volume.read_only else 0
        there = mounted_at(target)
        if there is None:
            existing.load_modules(kind)
            target.mkdir(parents=True, exist_ok=True)
            try:
                mount(str(device), target, kind, flags, "prjquota" if volume.project_quota else "")
            except OSError as error:
                if error.errno != errno.EINVAL or not volume.project_quota:
                    raise
                mount(str(device), target, kind, flags)
                log.warning("%s: this kernel has no project quotas, it is mounted without", volume.id)
            if volume.role in MADE_AND_MOUNTED and not volume.match:
                filesystem.fill(target, device, kind)
        elif _flags(there.options) != flags:
            mount("none", target, "", flags | MS_REMOUNT)
        outcome.target = mount_path(volume.id)
        there = mounted_at(target)
        outcome.project_quota = there is not None and "prjquota" in there.super_options

    # -- the end --

    def take_down(self, id: str) -> None:
        """Unmount and close, if it is there. OSError: it is in use."""
        target = self._target(id)
        if mount_path(id) and mounted_at(target) is not None:
            umount(target)
            with contextlib.suppress(OSError):
                target.rmdir()
        if id.startswith(PREFIXES[SWAP]):
            known = placement.candidates(self._disks(), self._system)
            clear = Path("/dev/mapper", luks.mapping(id))
            for lying in _partitions(id, known, self._record().get(id, "")):
                swap_volume.turn_off(clear if clear.exists() else lying.device)
        if Path("/dev/mapper", luks.mapping(id)).exists():
            luks.close_volume(id)
        log.info("%s is taken down, its data stays", id)

    # -- what STATE remembers --

    def _record(self) -> dict[str, str]:
        try:
            found = json.loads((self._state / USER_VOLUMES).read_bytes())
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            raise VolumeError(f"{self._state / USER_VOLUMES} cannot be read: {error}") from error
        return found if isinstance(found, dict) else {}

    def _note(self, id: str, identity: str | None) -> None:
        record = self._record()
        record.pop(id, None)
        if identity:
            record[id] = identity
        durable.write(self._state / USER_VOLUMES, json.dumps(record).encode())


def _partitions(label: str, known: list[Candidate], remembered: str) -> list[Lying]:
    return [
        Lying(one.path, partition_path(one.path, part.number), str(part.id), part.number)
        for one in known
        for part in (one.table.partitions if one.table else ())
        if (str(part.id) == remembered if remembered else part.name == label)
    ]


def _told(outcome: Outcome, device: Path) -> None:
    """What lies there, for the status."""
    with OpenDisk(device) as disk:
        superblock = probe(disk.read)
        outcome.size = disk.size
    outcome.kind, outcome.uuid = (superblock.name, superblock.uuid) if superblock else ("", "")


def _superblock(device: Path) -> Superblock | None:
    try:
        with OpenDisk(device) as disk:
            try:
                disk.table()
            except gpt.TableError:
                return probe(disk.read)
    except OSError:
        pass
    return None


def _identity(device: Path) -> str:
    superblock = _superblock(device)
    return superblock.uuid if superblock else ""


def _flags(options: Iterable[str]) -> int:
    names = {"nosuid": MS_NOSUID, "nodev": MS_NODEV, "noatime": MS_NOATIME, "ro": MS_RDONLY}
    return sum(flag for name, flag in names.items() if name in options)


def _changed(device: Path) -> None:
    """A file system that was just made is no event of the kernel: say that there is something new to look at."""
    try:
        Path("/sys/class/block", device.name, "uevent").write_text("change")
    except OSError as error:
        log.debug("%s: %s", device, error)
