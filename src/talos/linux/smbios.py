"""SMBIOS structures (DMTF DSP0134) as the kernel hands them out in /sys/firmware/dmi/tables/DMI: decoding only."""

from __future__ import annotations

import struct
import uuid
from collections.abc import Iterator

from msgspec import Struct

BIOS, SYSTEM, PROCESSOR, MEMORY_DEVICE, END = 0, 1, 4, 17, 127


class Structure(Struct, frozen=True):
    """One structure: `data` is its formatted part with the head of four bytes, `strings` what it refers to."""

    kind: int
    handle: int
    data: bytes
    strings: tuple[str, ...]

    def byte(self, offset: int) -> int:
        return self.data[offset] if offset < len(self.data) else 0

    def word(self, offset: int) -> int:
        return int.from_bytes(self.data[offset : offset + 2], "little") if offset + 2 <= len(self.data) else 0

    def double(self, offset: int) -> int:
        return int.from_bytes(self.data[offset : offset + 4], "little") if offset + 4 <= len(self.data) else 0

    def text(self, offset: int) -> str:
        """The string that a byte refers to, "" for none."""
        number = self.byte(offset)
        return self.strings[number - 1] if 0 < number <= len(self.strings) else ""


def structures(table: bytes) -> Iterator[Structure]:
    """Structures in order; a damaged one ends them."""
    position = 0
    while position + 4 <= len(table):
        kind, length, handle = struct.unpack_from("<BBH", table, position)
        after = table.find(b"\0\0", position + length)
        if length < 4 or position + length > len(table) or after < 0:
            return
        strings = table[position + length : after]
        listed = tuple(one.decode("utf-8", "replace").strip() for one in strings.split(b"\0")) if strings else ()
        yield Structure(kind, handle, table[position : position + length], listed)
        if kind == END:
            return
        position = after + 2


def system_uuid(structure: Structure) -> str:
    """Of the system structure: since version 2.6 its first three fields are little-endian; "" if it is not set."""
    raw = structure.data[8:24]
    if len(raw) < 16 or raw in (bytes(16), b"\xff" * 16):
        return ""
    return str(uuid.UUID(bytes_le=raw))


def memory_mib(structure: Structure) -> int:
    """Size of a memory device, 0 for an empty slot; more than 32 GiB stand in a field of their own."""
    size = structure.word(12)
    if size in (0, 0xFFFF):
        return 0
    if size == 0x7FFF:
        return structure.double(28) & 0x7FFFFFFF
    return (size & 0x7FFF) // 1024 if size & 0x8000 else size
