"""RAID arrays of the kernel's md driver: what sysfs says of them, stopping one, where members keep their superblock.

Sources: Documentation/admin-guide/md.rst, include/uapi/linux/raid/md_p.h and md_u.h, md(4).
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from msgspec import Struct

from talos.linux import block

STOP_ARRAY = 0x932
"""_IO(MD_MAJOR, 0x32)"""
MAGIC = bytes.fromhex("fc4e2ba9")
"""0xa92b4efc, little endian: 1.x always, 0.90 on the machines that we run on"""
SUPERBLOCK = 4096
"""bytes, of every version"""
_RESERVED = 64 << 10
"""0.90 keeps that much at the end"""


class Array(Struct, frozen=True):
    """An array that the kernel has assembled."""

    name: str
    members: tuple[str, ...]
    """kernel names of block devices"""
    version: str
    """of the metadata, "external:…" where the firmware keeps it, "none" without any"""


def arrays(sysfs: Path = block.SYS) -> list[Array]:
    """All, by name."""
    found = []
    for folder in sorted((sysfs / "class/block").glob("*/md")):
        members = sorted(path.name.removeprefix("dev-") for path in folder.glob("dev-*"))
        version = (folder / "metadata_version").read_text().strip()
        found.append(Array(folder.parent.name, tuple(member.replace("!", "/") for member in members), version))
    return found


def stop(path: Path) -> None:
    """Take an array apart; its members keep what they hold. OSError: EBUSY where something uses it."""
    fd = os.open(path, os.O_RDONLY | os.O_EXCL | os.O_CLOEXEC)
    try:
        fcntl.ioctl(fd, STOP_ARRAY)
    finally:
        os.close(fd)


def superblock_offset(version: str, size: int) -> int | None:
    """Where a member of that size (bytes) keeps its superblock; None for a version that is not known, or no room."""
    sectors = size // block.SECTOR
    offset = {
        "0.90": size // _RESERVED * _RESERVED - _RESERVED,
        "1.0": (sectors - 16) // 8 * 8 * block.SECTOR,
        "1.1": 0,
        "1.2": 8 * block.SECTOR,
    }.get(version)
    return offset if offset is not None and 0 <= offset <= size - SUPERBLOCK else None
