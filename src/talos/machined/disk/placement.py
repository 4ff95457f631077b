"""Where a volume goes that has no partition yet, and how large it becomes: the first disk, by name, that the
configuration means and that has room.

    minSize   the least it needs in one piece; a disk with less free space is passed over
    maxSize   10GiB: no more than that. 50%: of the disk's size, whatever else lies there. -10GiB, -10%: all of the free
              space but that much

Only free space is taken: the free space of a GUID partition table, or a disk on which nothing lies at all. What holds a
file system, another kind of table or bytes that nobody recognizes is somebody's, and passed over with that reason.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from talos.config import cel
from talos.config.view.model import Provisioning
from talos.linux import gpt
from talos.linux.block import BlockDevice
from talos.linux.disk_io import OpenDisk
from talos.linux.superblock import probe
from talos.machined.disk import layout
from talos.machined.disk.content import foreign_without_table
from talos.machined.disk.selector import attributes

_HEADERS = 16 << 20
"""superblocks and both headers of LUKS2, with its key slots"""


class PlaceError(Exception):
    """No disk takes the volume, or the selector cannot be evaluated; the text says of each disk why."""


class Candidate(Struct, frozen=True):
    """A disk of this machine. table: None where `problem` says why nothing can be put there."""

    device: BlockDevice
    table: gpt.Table | None
    problem: str = ""
    system: bool = False
    """the system is installed on it, or is going to be"""

    @property
    def path(self) -> Path:
        return self.device.node


class Place(Struct, frozen=True):
    """A table with the volume's partition in it."""

    disk: Path
    table: gpt.Table
    partition: gpt.Partition


def candidates(disks: Iterable[BlockDevice], system: Path | None) -> list[Candidate]:
    """What lies on each disk that can be written to. `system`: the system's disk."""
    found = []
    for device in disks:
        if device.cdrom or device.readonly or not device.size:
            continue
        try:
            with OpenDisk(device.node) as disk:
                table, problem = _table(disk)
        except OSError as error:
            table, problem = None, f"cannot be read: {error.strerror}"
        found.append(Candidate(device, table, problem, device.node == system))
    return found


def _table(disk: OpenDisk) -> tuple[gpt.Table | None, str]:
    """The disk's table, an empty one where there is nothing at all, or why there is no room for anything."""
    try:
        table = disk.table()
    except gpt.TableError:
        if found := foreign_without_table(disk):
            return None, f"holds {found}"
        return gpt.new(disk.sectors, disk.sector), ""
    superblock = probe(disk.read)
    # A hybrid ISO has a table as well; it is the medium that this machine was started from.
    return (None, "is an installation medium") if superblock and superblock.name == "iso9660" else (table, "")


def matching(wanted: Provisioning, disks: Iterable[Candidate]) -> list[Candidate]:
    """Those that the selector means; the system's disk where there is none. PlaceError."""
    try:
        return [one for one in disks if _meant(wanted, one)]
    except cel.CelError as error:
        raise PlaceError(f"provisioning.diskSelector: {error}") from error


def _meant(wanted: Provisioning, one: Candidate) -> bool:
    if not wanted.selector:
        return one.system
    return cel.matches(wanted.selector, {"system_disk": one.system, "disk": attributes(one.device)})


def limit(wanted: Provisioning, disk: int, free: int) -> int:
    """The most bytes that a volume gets of a gap of `free` bytes on a disk of `disk` bytes, whole MiB."""
    named = disk * wanted.max_percent // 100 if wanted.max_percent else wanted.max_size
    most = free - named if wanted.negative else named or free
    return max(0, min(most, free)) // gpt.ALIGNMENT * gpt.ALIGNMENT


def added(table: gpt.Table, label: str, wanted: Provisioning, minimum: int) -> gpt.Table:
    """With the volume's partition. TableError: there is no room."""
    free = _largest(table)
    size = limit(wanted, table.sectors * table.sector, free)
    least = max(wanted.min_size or minimum, gpt.ALIGNMENT)
    if size < least:
        bounded = f", of which it may take {size >> 20} MiB" if size < free else ""
        raise gpt.TableError(f"has {free >> 20} MiB free in one piece{bounded}, {label} needs {-(-least >> 20)} MiB")
    return table.add(label, size)


def _largest(table: gpt.Table) -> int:
    return max((last - first + 1 for first, last in table.gaps()), default=0) * table.sector


def grown(table: gpt.Table, label: str, wanted: Provisioning) -> gpt.Table:
    """With the partition as large as it may become. TableError: there is none."""
    whole = table.grow(label)
    before, after = table.named(label), whole.named(label)
    assert before is not None and after is not None
    most = limit(wanted, table.sectors * table.sector, after.sectors * table.sector) // table.sector
    last = max(before.last, min(after.last, before.first + most - 1))
    return replace(table, partitions=tuple(replace(p, last=last) if p is before else p for p in table.partitions))


def place(label: str, wanted: Provisioning, minimum: int, disks: Iterable[Candidate]) -> Place:
    """On the first disk that is meant and has room. Nothing is written. PlaceError."""
    known = list(disks)
    meant = matching(wanted, known)
    reasons: list[str] = []
    for one in meant:
        if one.table is None:
            reasons.append(f"{one.path} {one.problem}")
            continue
        try:
            table = added(one.table, label, wanted, minimum)
        except gpt.TableError as error:
            reasons.append(f"{one.path} {error}")
            continue
        there = {partition.id for partition in one.table.partitions}
        partition = next(partition for partition in table.partitions if partition.id not in there)
        return Place(one.path, table, partition)
    if meant:
        raise PlaceError(f"no disk has room for {label}: {'; '.join(reasons)}")
    what = f"matches {wanted.selector!r}" if wanted.selector else "is the system's"
    listed = ", ".join(_described(known)) or "none that can be written to"
    raise PlaceError(f"no disk {what}: this machine has {listed}")


def _described(disks: Iterable[Candidate]) -> Iterator[str]:
    for one in disks:
        model = f", {one.device.model}" if one.device.model else ""
        yield f"{one.path} ({one.device.size / 1e9:.1f} GB{model}{', the system disk' if one.system else ''})"


def agrees(one: Candidate, partition: gpt.Partition, wanted: Provisioning, minimum: int) -> bool:
    """Whether a partition lies where, and is as large as, it would be if it was made now. PlaceError."""
    if one.table is None or not _in(one, matching(wanted, [one])):
        return False
    without = replace(one.table, partitions=tuple(p for p in one.table.partitions if p is not partition))
    try:
        anew = added(without, partition.name, wanted, minimum).named(partition.name)
    except gpt.TableError:
        return False
    assert anew is not None
    return abs(anew.sectors - partition.sectors) * one.table.sector <= 2 * layout.MIB


def _in(one: Candidate, found: list[Candidate]) -> bool:
    return any(other is one for other in found)


def write(found: Place, fresh: bool = True) -> None:
    """Put the table on its disk. The start of a new partition is emptied first: what lay in the gap must not be found
    again. OSError."""
    with OpenDisk(found.disk, writable=True) as disk:
        if fresh:
            start, size = found.partition.first * disk.sector, found.partition.sectors * disk.sector
            disk.wipe(start, min(_HEADERS, size))
            disk.wipe(start + size - min(layout.MIB, size), min(layout.MIB, size))
        disk.write_table(found.table)
