"""What is on a block device, told by its first and last bytes: filesystems, containers of them, partition tables.

Only reads; never mounts. A device that is shorter than a signature's place simply does not match. Sources: the on-disk
formats as documented in the kernel (Documentation/filesystems) and, for GPT, the UEFI specification, chapter 5.
"""

from __future__ import annotations

import struct
import uuid
from collections.abc import Callable

from msgspec import Struct

Read = Callable[[int, int], bytes]
"""(offset, length) → bytes, fewer at the end of the device"""


class Superblock(Struct, frozen=True):
    """What was found. name: the usual word for the format; sizes in bytes, 0 where the format does not say."""

    name: str
    label: str = ""
    uuid: str = ""
    size: int = 0
    block_size: int = 0
    filesystem_block_size: int = 0


def probe(read: Read) -> Superblock | None:
    """The format of a device. Containers (LUKS) come first: what they hold must not show through."""
    for detect in (_luks, _xfs, _extfs, _squashfs, _erofs, _iso9660, _swap, _btrfs, _vfat):
        found = detect(read)
        if found is not None:
            return found
    return None


def _text(data: bytes) -> str:
    return data.split(b"\0", 1)[0].decode("utf-8", "replace").strip()


def _uuid(data: bytes) -> str:
    return str(uuid.UUID(bytes=data)) if len(data) == 16 and any(data) else ""


def _luks(read: Read) -> Superblock | None:
    head = read(0, 512)
    if head[:6] != b"LUKS\xba\xbe" or len(head) < 208:
        return None
    label = _text(head[24:72]) if head[6:8] == b"\0\2" else ""
    return Superblock("luks", label, _text(head[168:208]))


def _xfs(read: Read) -> Superblock | None:
    head = read(0, 264)
    if head[:4] != b"XFSB" or len(head) < 264:
        return None
    block, blocks = struct.unpack_from(">IQ", head, 4)
    (sector,) = struct.unpack_from(">H", head, 102)
    return Superblock("xfs", _text(head[108:120]), _uuid(head[32:48]), block * blocks, sector, block)


def _extfs(read: Read) -> Superblock | None:
    head = read(1024, 1024)
    if head[56:58] != b"\x53\xef" or len(head) < 1024:
        return None
    blocks, log = struct.unpack_from("<I", head, 4)[0], struct.unpack_from("<I", head, 24)[0]
    compatible, incompatible = struct.unpack_from("<II", head, 92)
    if incompatible & 0x80:  # 64bit: upper half of the number of blocks
        blocks |= struct.unpack_from("<I", head, 0x150)[0] << 32
    block = 1024 << log if log <= 6 else 0
    name = "ext4" if incompatible & 0x2C0 else "ext3" if compatible & 4 else "ext2"
    return Superblock(name, _text(head[120:136]), _uuid(head[104:120]), block * blocks, block, block)


def _squashfs(read: Read) -> Superblock | None:
    head = read(0, 96)
    if head[:4] != b"hsqs" or len(head) < 96 or struct.unpack_from("<H", head, 28)[0] != 4:
        return None
    return Superblock("squashfs", size=struct.unpack_from("<Q", head, 40)[0], block_size=512)


def _erofs(read: Read) -> Superblock | None:
    head = read(1024, 128)
    if head[:4] != b"\xe2\xe1\xf5\xe0" or len(head) < 128:
        return None
    bits = head[12]
    block = 1 << bits if 9 <= bits <= 16 else 0
    (blocks,) = struct.unpack_from("<I", head, 36)
    return Superblock("erofs", _text(head[64:80]), _uuid(head[48:64]), block * blocks, block, block)


def _iso9660(read: Read) -> Superblock | None:
    head = read(32768, 2048)
    if head[1:6] != b"CD001" or len(head) < 2048:
        return None
    blocks = struct.unpack_from("<I", head, 80)[0]
    stamp = head[813:829]
    day = stamp.decode("ascii", "replace") if stamp.isdigit() and stamp.strip(b"0") else ""
    serial = "-".join((day[:4], day[4:6], day[6:8], day[8:10], day[10:12], day[12:14], day[14:16])) if day else ""
    return Superblock("iso9660", _text(head[40:72]).rstrip(), serial, blocks * 2048, 2048, 2048)


def _swap(read: Read) -> Superblock | None:
    for page in (4096, 65536):
        if read(page - 10, 10) == b"SWAPSPACE2":
            head = read(1024, 64)
            (pages,) = struct.unpack_from("<I", head, 4)
            return Superblock("swap", _text(head[28:44]), _uuid(head[12:28]), (pages + 1) * page, page)
    return None


def _btrfs(read: Read) -> Superblock | None:
    head = read(65536, 4096)
    if head[64:72] != b"_BHRfS_M" or len(head) < 4096:
        return None
    size = struct.unpack_from("<Q", head, 112)[0]
    sector = struct.unpack_from("<I", head, 144)[0]
    return Superblock("btrfs", _text(head[299:555]), _uuid(head[32:48]), size, sector, sector)


def _vfat(read: Read) -> Superblock | None:
    head = read(0, 512)
    if len(head) < 512 or head[510:512] != b"\x55\xaa" or head[0] not in (0xEB, 0xE9):
        return None
    sector, cluster = struct.unpack_from("<HB", head, 11)
    reserved, tables, entries, small = struct.unpack_from("<HBHH", head, 14)
    large = struct.unpack_from("<I", head, 32)[0]
    if sector not in (512, 1024, 2048, 4096) or cluster == 0 or cluster & (cluster - 1) or tables not in (1, 2):
        return None
    size = sector * (small or large)
    if head[82:87] == b"FAT32":
        table_sectors, root_cluster = struct.unpack_from("<I", head, 36)[0], struct.unpack_from("<I", head, 44)[0]
        serial, label = head[67:71], _text(head[71:82])
        start = (reserved + tables * table_sectors + (root_cluster - 2) * cluster) * sector
        length = cluster * sector
    elif head[54:57] == b"FAT":
        table_sectors = struct.unpack_from("<H", head, 22)[0]
        serial, label = head[39:43], _text(head[43:54])
        start, length = (reserved + tables * table_sectors) * sector, entries * 32
    else:
        return None
    # The entry in the root directory is the label that people see and change; the one in the boot sector may be stale.
    label = _vfat_label(read(start, min(length, 65536))) or ("" if label == "NO NAME" else label)
    number = serial[::-1].hex().upper()
    return Superblock("vfat", label, f"{number[:4]}-{number[4:]}", size, sector, sector * cluster)


def _vfat_label(directory: bytes) -> str:
    for start in range(0, len(directory) - 31, 32):
        entry = directory[start : start + 32]
        if entry[0] == 0:
            return ""
        if entry[0] != 0xE5 and entry[11] & 0x3F == 0x08:  # a volume label, not part of a long name (0x0F)
            return entry[:11].decode("ascii", "replace").rstrip()
    return ""
