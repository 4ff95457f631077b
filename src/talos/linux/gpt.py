"""GUID partition table (UEFI specification 2.10, chapter 5): read, change and write, as bytes.

Everything in it is counted in the disk's logical sectors, so the same partitions are other bytes on a disk with sectors
of 4096 bytes (4Kn): a table that was made for 512 lies at the wrong place there, and its numbers mean others.

A table is kept twice, at both ends of the disk. It is written backup first, then primary, each with its entries before
its header: a power cut leaves one of the two whole, and the reader takes the one whose checksums are right.
Own code: Debian's tools for it would be three more programs in the image, and Python libraries for it bring their own
idea of input and output.
"""

from __future__ import annotations

import contextlib
import struct
import uuid
import zlib

from msgspec import Struct, field
from msgspec.structs import replace

from talos.linux.superblock import Read

SECTOR = 512
SECTORS = (512, 4096)
"""what disks have"""
ALIGNMENT = 1 << 20
ENTRIES = 128
ENTRY_BYTES = 128
NAME_LENGTH = 36
EFI_SYSTEM = uuid.UUID("C12A7328-F81F-11D2-BA4B-00A0C93EC93B")
LINUX_DATA = uuid.UUID("0FC63DAF-8483-4772-8E79-3D69D8477DE4")
_HEADER = struct.Struct("<8sIIIIQQQQ16sQIII")
_SIGNATURE, _REVISION = b"EFI PART", 0x00010000
_MAX_TABLE_BYTES = 1 << 20


class TableError(Exception):
    """There is no table that can be used, or the change does not fit; the text says why."""


class Partition(Struct, frozen=True):
    """first and last are sectors, both inside. number counts from 1."""

    number: int
    type: uuid.UUID
    id: uuid.UUID
    first: int
    last: int
    name: str = ""
    attributes: int = 0

    @property
    def sectors(self) -> int:
        return self.last - self.first + 1


class Table(Struct, frozen=True):
    """A table for a disk of `sectors` sectors of `sector` bytes."""

    disk: uuid.UUID
    sectors: int
    sector: int = SECTOR
    partitions: tuple[Partition, ...] = field(default=())

    @property
    def first_usable(self) -> int:
        return 2 + self._entry_sectors

    @property
    def last_usable(self) -> int:
        return self.sectors - 2 - self._entry_sectors

    @property
    def _entry_sectors(self) -> int:
        return -(-ENTRIES * ENTRY_BYTES // self.sector)

    def named(self, name: str) -> Partition | None:
        """The first partition of that name."""
        return next((partition for partition in self.partitions if partition.name == name), None)

    def numbered(self, number: int) -> Partition | None:
        """The partition of that number."""
        return next((partition for partition in self.partitions if partition.number == number), None)

    # -- changes --

    def add(
        self, name: str, size: int | None, type_: uuid.UUID = LINUX_DATA, minimum: int = 0, id_: uuid.UUID | None = None
    ) -> Table:
        """With a partition more, in the first gap that is large enough. size in bytes, None: the whole of the largest
        gap, which must have `minimum`. TableError."""
        if len(name) > NAME_LENGTH:
            raise TableError(f"partition name {name!r} has more than {NAME_LENGTH} characters")
        number = next((n for n in range(1, ENTRIES + 1) if n not in {p.number for p in self.partitions}), 0)
        if not number:
            raise TableError(f"the table is full: it has {ENTRIES} partitions")
        wanted = -(-(size if size is not None else max(minimum, 1)) // self.sector)
        gaps = [(first, last) for first, last in self.gaps() if last - first + 1 >= wanted]
        if not gaps:
            free = max((last - first + 1 for first, last in self.gaps()), default=0) * self.sector
            raise TableError(
                f"partition {name} needs {wanted * self.sector >> 20} MiB, the largest gap has {free >> 20} MiB"
            )
        first, last = gaps[0] if size is not None else max(gaps, key=lambda gap: gap[1] - gap[0])
        if size is not None:
            last = first + wanted - 1
        new = Partition(number, type_, id_ or uuid.uuid4(), first, last, name)
        return replace(self, partitions=tuple(sorted((*self.partitions, new), key=lambda p: p.number)))

    def remove(self, *names: str) -> Table:
        """Without the partitions of these names."""
        return replace(self, partitions=tuple(p for p in self.partitions if p.name not in names))

    def grow(self, name: str) -> Table:
        """With a partition that reaches to the end of the gap behind it. TableError."""
        old = self.named(name)
        if old is None:
            raise TableError(f"there is no partition {name}")
        behind = [p.first for p in self.partitions if p.first > old.last]
        end = min([*behind, self.last_usable + 1]) - 1
        per = max(1, ALIGNMENT // self.sector)
        last = (end + 1) // per * per - 1
        if last <= old.last:
            return self
        return replace(self, partitions=tuple(replace(p, last=last) if p is old else p for p in self.partitions))

    def gaps(self) -> list[tuple[int, int]]:
        """Aligned free ranges, first and last sector."""
        per = max(1, ALIGNMENT // self.sector)
        found, at = [], self.first_usable
        taken = sorted((p.first, p.last) for p in self.partitions)
        for first, last in [*taken, (self.last_usable + 1, self.last_usable + 1)]:
            start, end = -(-at // per) * per, first - 1
            end = (end + 1) // per * per - 1
            if end > start:
                found.append((start, end))
            at = max(at, last + 1)
        return found

    # -- bytes --

    def writes(self) -> list[tuple[int, bytes]]:
        """What to write where, in this order, with a flush after each. TableError: another program made room for more
        partitions than are written here, and uses it."""
        if beyond := [p.number for p in self.partitions if p.number > ENTRIES]:
            raise TableError(f"partition {beyond[0]} has no place: the table is written with {ENTRIES} entries")
        entries = self._entries()
        backup = self.sectors - 1 - self._entry_sectors
        return [
            (backup * self.sector, entries),
            ((self.sectors - 1) * self.sector, self._header(self.sectors - 1, 1, backup, entries)),
            (0, self._protective_mbr()),
            (2 * self.sector, entries),
            (self.sector, self._header(1, self.sectors - 1, 2, entries)),
        ]

    def _entries(self) -> bytes:
        data = bytearray(ENTRIES * ENTRY_BYTES)
        for p in self.partitions:
            name = p.name.encode("utf-16-le").ljust(72, b"\0")
            packed = p.type.bytes_le + p.id.bytes_le + struct.pack("<QQQ", p.first, p.last, p.attributes) + name
            data[(p.number - 1) * ENTRY_BYTES : p.number * ENTRY_BYTES] = packed
        return bytes(data)

    def _header(self, here: int, there: int, entries_at: int, entries: bytes) -> bytes:
        def packed(checksum: int) -> bytes:
            return _HEADER.pack(
                _SIGNATURE, _REVISION, _HEADER.size, checksum, 0, here, there, self.first_usable, self.last_usable,
                self.disk.bytes_le, entries_at, ENTRIES, ENTRY_BYTES, zlib.crc32(entries),
            )  # fmt: skip

        return packed(zlib.crc32(packed(0))).ljust(self.sector, b"\0")

    def _protective_mbr(self) -> bytes:
        size = min(self.sectors - 1, 0xFFFFFFFF)
        entry = b"\0\0\x02\0\xee\xff\xff\xff" + struct.pack("<II", 1, size)
        return (bytes(446) + entry + bytes(48) + b"\x55\xaa").ljust(self.sector, b"\0")


def new(sectors: int, sector: int = SECTOR, disk: uuid.UUID | None = None) -> Table:
    """An empty table. TableError when the disk is too small for one."""
    table = Table(disk or uuid.uuid4(), sectors, sector)
    if table.last_usable - table.first_usable < ALIGNMENT // sector:
        raise TableError(f"a disk of {sectors * sector >> 10} KiB is too small for a partition table")
    return table


def parse(read: Read, sectors: int, sector: int = SECTOR) -> Table:
    """The table of a disk: the primary, or the backup where that is damaged. A disk that grew since keeps its
    partitions; the table is as large as the disk is now. TableError."""
    problems = []
    for what, at in (("primary", 1), ("backup", sectors - 1)):
        try:
            return _parse_at(read, at, sectors, sector)
        except TableError as error:
            problems.append(f"{what}: {error}")
    raise TableError("no partition table (" + "; ".join(problems) + ")")


def _parse_at(read: Read, at: int, sectors: int, sector: int) -> Table:
    raw = read(at * sector, sector)
    if len(raw) < _HEADER.size or raw[:8] != _SIGNATURE:
        raise TableError("no signature")
    _, _, size, checksum, _, here, _, _, _, disk, entries_at, count, entry_bytes, entries_checksum = _HEADER.unpack(
        raw[: _HEADER.size]
    )
    if not _HEADER.size <= size <= sector:
        raise TableError(f"a header of {size} bytes")
    if zlib.crc32(raw[:16] + bytes(4) + raw[20:size]) != checksum or here != at:
        raise TableError("its checksum is wrong")
    if entry_bytes < ENTRY_BYTES or entry_bytes % 8 or not 0 < count * entry_bytes <= _MAX_TABLE_BYTES:
        raise TableError(f"{count} entries of {entry_bytes} bytes")
    entries = read(entries_at * sector, count * entry_bytes)
    if len(entries) != count * entry_bytes or zlib.crc32(entries) != entries_checksum:
        raise TableError("the checksum of its entries is wrong")
    partitions = []
    for index in range(count):
        entry = entries[index * entry_bytes : index * entry_bytes + ENTRY_BYTES]
        if entry[:16] == bytes(16):
            continue
        first, last, attributes = struct.unpack("<QQQ", entry[32:56])
        if not 0 < first <= last < sectors:
            raise TableError(f"partition {index + 1} lies outside of the disk")
        name = entry[56:128].decode("utf-16-le", errors="replace").split("\0")[0]
        kind, identity = uuid.UUID(bytes_le=entry[:16]), uuid.UUID(bytes_le=entry[16:32])
        partitions.append(Partition(index + 1, kind, identity, first, last, name, attributes))
    return Table(uuid.UUID(bytes_le=disk), sectors, sector, tuple(partitions))


def found(read: Read, size: int) -> list[Table]:
    """Tables in whichever sectors they count: an image file tells of none, and a disk that hung on another adapter
    before may have had others. Both at once where the second did not overwrite all of the first."""
    tables = []
    for sector in SECTORS:
        with contextlib.suppress(TableError):
            tables.append(parse(read, size // sector, sector))
    return tables
