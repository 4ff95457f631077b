"""A cpio archive as the kernel reads it (newc, Documentation/driver-api/early-userspace/buffer-format.rst).

Written here because its padding is part of the format we need: a file's data can be put at a multiple of a block, so
that a loop device can show it straight from wherever the archive lies.
"""

from __future__ import annotations

import stat
from pathlib import Path
from typing import BinaryIO

from talos.imager.squashfs import epoch


class Archive:
    """Writes members one after another; `close` ends it. Owners are root, times SOURCE_DATE_EPOCH."""

    def __init__(self, out: BinaryIO) -> None:
        self._out = out
        self._inode = 0

    def directory(self, path: str, mode: int = 0o755) -> None:
        """An empty directory."""
        self._header(path, stat.S_IFDIR | mode, 0)

    def text(self, path: str, content: str) -> None:
        """A small file."""
        data = content.encode()
        self._header(path, stat.S_IFREG | 0o644, len(data))
        self._out.write(data)
        self._pad(4)

    def file(self, path: str, source: Path, mode: int = 0o644, align: int = 4) -> int:
        """Copies a file and returns the offset of its data, a multiple of `align`."""
        size = source.stat().st_size
        if align > 4:
            # Zeros between members are skipped, so the header can be moved to where its data falls into place.
            header = 110 + len(path.encode()) + 1
            header += -header % 4
            self._out.write(b"\0" * (-(self._out.tell() + header) % align))
        self._header(path, stat.S_IFREG | mode, size)
        offset = self._out.tell()
        with source.open("rb") as data:
            while block := data.read(1 << 20):
                self._out.write(block)
        self._pad(4)
        return offset

    def close(self) -> None:
        """The end mark, and zeros up to a block: what follows is another archive."""
        self._header("TRAILER!!!", 0, 0)
        self._pad(512)

    def _header(self, path: str, mode: int, size: int) -> None:
        self._inode += 1
        name = path.encode() + b"\0"
        links = 2 if stat.S_ISDIR(mode) else 1
        fields = (self._inode, mode, 0, 0, links, epoch(), size, 0, 0, 0, 0, len(name), 0)
        self._out.write(b"070701" + b"".join(b"%08X" % field for field in fields) + name)
        self._pad(4)

    def _pad(self, multiple: int) -> None:
        self._out.write(b"\0" * (-self._out.tell() % multiple))
