"""GUID partition table, read only (UEFI specification, chapter 5): the primary one, or a whole backup."""

from __future__ import annotations

import struct
import uuid
import zlib
from dataclasses import dataclass

from talos.linux.superblock import Read

_HEAD = struct.Struct("<8sIIIIQQQQ16sQIII")
_ENTRY = struct.Struct("<16s16sQQQ72s")
_MAX_ENTRIES = 1024


@dataclass(frozen=True, slots=True)
class Partition:
    """One entry; offset and size in bytes."""

    number: int
    type_uuid: str
    uuid: str
    label: str
    offset: int
    size: int


@dataclass(frozen=True, slots=True)
class Table:
    """A valid table."""

    uuid: str
    partitions: tuple[Partition, ...]


def read_table(read: Read, size: int, sector: int) -> Table | None:
    """The table of a device of `size` bytes, None when neither copy is valid."""
    for lba in (1, size // sector - 1):
        if lba > 0 and (found := _table(read, lba, sector)) is not None:
            return found
    return None


def _table(read: Read, lba: int, sector: int) -> Table | None:
    head = read(lba * sector, 512)
    if len(head) < _HEAD.size or head[:8] != b"EFI PART":
        return None
    _sig, _rev, length, crc, _zero, own, _other, _first, _last, disk, entries, count, entry_size, entries_crc = (
        _HEAD.unpack_from(head)
    )
    if not _HEAD.size <= length <= 512 or own != lba or count > _MAX_ENTRIES or not 128 <= entry_size <= 4096:
        return None
    if zlib.crc32(head[:16] + bytes(4) + head[20:length]) != crc:
        return None
    data = read(entries * sector, count * entry_size)
    if len(data) < count * entry_size or zlib.crc32(data) != entries_crc:
        return None
    found = []
    for number in range(count):
        kind, own_id, first, last, _flags, name = _ENTRY.unpack_from(data, number * entry_size)
        if any(kind) and last >= first:
            label = name.decode("utf-16-le", "replace").split("\0", 1)[0]
            found.append(
                Partition(
                    number + 1, str(uuid.UUID(bytes_le=kind)), str(uuid.UUID(bytes_le=own_id)), label, first * sector,
                    (last - first + 1) * sector,
                )
            )  # fmt: skip
    return Table(str(uuid.UUID(bytes_le=disk)), tuple(found))
