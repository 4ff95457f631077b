"""Swap areas: their header (mkswap(8); union swap_header of the kernel), swapon(2), swapoff(2), /proc/swaps (proc(5)).

Own code for the header: mkswap would be one more program in the image, for one page.
"""

from __future__ import annotations

import ctypes
import os
import struct
import uuid
from pathlib import Path

from msgspec import Struct

from talos.linux.libc import check, libc

PAGE = 4096
LABEL_BYTES = 16
_MAGIC = b"SWAPSPACE2"
_SMALLEST_PAGES = 10
_PAGES_LIMIT = 1 << 32


class SwapArea(Struct, frozen=True):
    """One line of /proc/swaps; sizes in bytes."""

    path: str
    kind: str
    size: int
    used: int
    priority: int


def header(size: int, label: str, identity: uuid.UUID) -> bytes:
    """The first page of an area of `size` bytes. ValueError: it is too small."""
    pages = min(size // PAGE, _PAGES_LIMIT - 1)
    if pages < _SMALLEST_PAGES:
        raise ValueError(f"{size} bytes are too few for swap")
    name = label.encode()[: LABEL_BYTES - 1].ljust(LABEL_BYTES, b"\0")
    fields = struct.pack("=III", 1, pages - 1, 0) + identity.bytes + name
    return (bytes(1024) + fields).ljust(PAGE - len(_MAGIC), b"\0") + _MAGIC


def parse(text: str) -> list[SwapArea]:
    """Lines of /proc/swaps, whose sizes are KiB; a path with blanks has them escaped."""
    found = []
    for line in text.splitlines()[1:]:
        fields = line.split()
        if len(fields) == 5:
            path, kind, size, used, priority = fields
            path = path.encode().decode("unicode_escape") if "\\" in path else path
            found.append(SwapArea(path, kind, int(size) << 10, int(used) << 10, int(priority)))
    return found


def areas(path: Path = Path("/proc/swaps")) -> list[SwapArea]:
    """Those in use. OSError."""
    return parse(path.read_text())


def swapon(device: Path) -> None:
    """swapon(2). OSError."""
    check(libc().swapon(os.fsencode(device), ctypes.c_int(0)), "swapon", str(device))


def swapoff(device: Path) -> None:
    """swapoff(2): reads everything back into memory, which takes a while. OSError; ENOMEM when it does not fit."""
    check(libc().swapoff(os.fsencode(device)), "swapoff", str(device))
