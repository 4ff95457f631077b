"""Where LVM2 keeps what it knows on a physical volume: label, header, metadata areas.

A label of one sector stands in one of the first four and names the metadata areas. An area begins with a header of 512
bytes that says where in the ring behind it the text of the volume group lies: writing that header is the one step that
makes a change. Checksums are CRC-32 without its final inversion, from a starting value of LVM's own. Sources: lvm2's
format_text (layout.h) and libblkid's superblocks/lvm.c describe the same bytes.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable

from msgspec import Struct

Read = Callable[[int, int], bytes]
Write = tuple[int, bytes]
"""offset and what to write there"""
SECTOR = 512
_LABEL = struct.Struct("<8sQII8s")
_AREA = struct.Struct("<I16sIQQ")
_LOCATION = struct.Struct("<QQII")
_MAGIC = b" LVM2 x[5A%r0N*>"
_FIRST_CRC = 0xF597A6CF
_IGNORED = 1
_IN_USE = 1
_MOST_AREAS = 16


class FormatError(ValueError):
    """It begins like a physical volume, and what follows is damaged."""


def crc(data: bytes) -> int:
    """LVM's checksum."""
    return zlib.crc32(data, _FIRST_CRC ^ 0xFFFFFFFF) ^ 0xFFFFFFFF


class Area(Struct, frozen=True):
    """One metadata area: where it is, and where in it the text is; size 0 without text."""

    start: int
    size: int
    text_offset: int = 0
    text_size: int = 0
    text_crc: int = 0
    ignored: bool = False


class PhysicalVolume(Struct, frozen=True):
    """What the label says. label: the sector itself, at label_offset."""

    uuid: str
    label_offset: int
    label: bytes
    extension: int
    """place in the label of the extension's flags, 0 without one"""
    areas: tuple[Area, ...]


def read(read_: Read) -> PhysicalVolume | None:
    """The physical volume on a device, None if it is none. FormatError."""
    head = read_(0, 4 * SECTOR)
    for offset in range(0, len(head) - SECTOR + 1, SECTOR):
        label = head[offset : offset + SECTOR]
        mark, sector, checksum, begin, kind = _LABEL.unpack_from(label)
        if mark != b"LABELONE" or kind != b"LVM2 001":
            continue
        if sector * SECTOR != offset or checksum != crc(label[20:]) or not 32 <= begin <= SECTOR - 40:
            raise FormatError("the label of the physical volume is damaged")
        return _volume(read_, offset, label, begin)
    return None


def _volume(read_: Read, offset: int, label: bytes, begin: int) -> PhysicalVolume:
    uuid = label[begin : begin + 32].decode("ascii", "replace")
    at = begin + 40
    lists = []
    for _ in range(2):  # data areas, metadata areas
        found = []
        while True:
            if at + 16 > SECTOR:
                raise FormatError("the label's list of areas has no end")
            start, size = struct.unpack_from("<QQ", label, at)
            at += 16
            if not start:
                break
            found.append((start, size))
        lists.append(found)
    if len(lists[1]) > _MOST_AREAS:
        raise FormatError("the label names too many metadata areas")
    version = struct.unpack_from("<I", label, at)[0] if at + 8 <= SECTOR else 0
    areas = tuple(_area(read_, start, size) for start, size in lists[1])
    return PhysicalVolume(uuid, offset, label, at + 4 if version >= 2 else 0, areas)


def _area(read_: Read, start: int, size: int) -> Area:
    header = read_(start, SECTOR)
    if len(header) < SECTOR:
        raise FormatError("a metadata area lies beyond the end of the device")
    checksum, magic, version, says_start, says_size = _AREA.unpack_from(header)
    if magic != _MAGIC or checksum != crc(header[4:]) or version != 1 or (says_start, says_size) != (start, size):
        raise FormatError("the header of a metadata area is damaged")
    offset, length, text_crc, flags = _LOCATION.unpack_from(header, _AREA.size)
    if not offset:
        return Area(start, size)
    if not SECTOR <= offset < size or length > size - SECTOR:
        raise FormatError("the text of the volume group lies outside of its metadata area")
    return Area(start, size, offset, length, text_crc, bool(flags & _IGNORED))


def text(read_: Read, area: Area) -> str:
    """The text in an area, "" without one. FormatError."""
    if not area.text_size:
        return ""
    first = min(area.text_size, area.size - area.text_offset)
    data = read_(area.start + area.text_offset, first)
    data += read_(area.start + SECTOR, area.text_size - first)
    if crc(data) != area.text_crc:
        raise FormatError("the text of the volume group is damaged")
    return data.rstrip(b"\0").decode("utf-8", "surrogateescape")


def replace_text(area: Area, new: str) -> tuple[list[Write], Write]:
    """Writes that put another text beside the one in an area, and the one that then makes it count. FormatError."""
    data = new.encode("utf-8", "surrogateescape") + b"\0"
    room = area.size - SECTOR
    begin = -(-(area.text_offset - SECTOR + area.text_size) // SECTOR) * SECTOR % room
    if -(-area.text_size // SECTOR) * SECTOR + -(-len(data) // SECTOR) * SECTOR > room:
        raise FormatError("the metadata area has no room for another text beside the present one")
    first = min(len(data), room - begin)
    writes = [(area.start + SECTOR + begin, data[:first])]
    if first < len(data):
        writes.append((area.start + SECTOR, data[first:]))
    return writes, _header(area, _LOCATION.pack(SECTOR + begin, len(data), crc(data), 0))


def no_text(area: Area) -> Write:
    """The write that leaves an area without a volume group."""
    return _header(area, b"")


def _header(area: Area, location: bytes) -> Write:
    body = _AREA.pack(0, _MAGIC, 1, area.start, area.size)[4:] + location
    body = body.ljust(SECTOR - 4, b"\0")
    return area.start, struct.pack("<I", crc(body)) + body


def unused(volume: PhysicalVolume) -> Write:
    """The write after which the label no longer says that the volume belongs to a group."""
    label = bytearray(volume.label)
    if volume.extension:
        flags = struct.unpack_from("<I", label, volume.extension)[0]
        struct.pack_into("<I", label, volume.extension, flags & ~_IN_USE)
    struct.pack_into("<I", label, 16, crc(bytes(label[20:])))
    return volume.label_offset, bytes(label)
