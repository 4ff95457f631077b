"""Telling a disk which blocks of a mounted file system hold nothing: FITRIM (ioctl_fitrim, linux/fs.h; fstrim(8))."""

from __future__ import annotations

import fcntl
import os
import struct
from pathlib import Path

_FITRIM = 0xC0185879  # _IOWR('X', 121, struct fstrim_range { __u64 start, len, minlen; })
_RANGE = struct.Struct("=QQQ")
_ALL = (1 << 64) - 1


def trim(mounted: Path) -> int:
    """Bytes that were given back. OSError; EOPNOTSUPP where the disk, or what is between, takes no such word."""
    fd = os.open(mounted, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        buffer = bytearray(_RANGE.pack(0, _ALL, 0))
        fcntl.ioctl(fd, _FITRIM, buffer)
        return int(_RANGE.unpack(buffer)[1])
    finally:
        os.close(fd)
