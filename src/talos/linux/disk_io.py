"""A disk that is open: its bytes, its partition table, and what the kernel knows of its partitions (ioctl_list(2)).

The same calls work on a plain file, which is a disk without partition devices: tests and image builds use that.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import stat
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Self

from talos.linux import block, gpt

BLKSSZGET = 0x1268
BLKGETSIZE64 = 0x80081272
BLKZEROOUT = 0x127F
BLKPG = 0x1269
_BLKPG_ADD, _BLKPG_DEL, _BLKPG_RESIZE = 1, 2, 3
_ZERO = bytes(1 << 20)


class OpenDisk:
    """A disk or partition that is open, as bytes by offset. Writable only when asked for. OSError, also without a
    medium."""

    def __init__(self, path: Path, *, writable: bool = False) -> None:
        self.path = path
        # Not O_NONBLOCK, which opens a drive without a medium: every read of it is an error in the kernel's log.
        self._fd = os.open(path, (os.O_RDWR if writable else os.O_RDONLY) | os.O_CLOEXEC)
        try:
            self.is_device = stat.S_ISBLK(os.fstat(self._fd).st_mode)
            self.sector = self._number(BLKSSZGET, "I") if self.is_device else gpt.SECTOR
            self.size = self._number(BLKGETSIZE64, "Q") if self.is_device else os.fstat(self._fd).st_size
        except OSError:
            os.close(self._fd)
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        os.close(self._fd)

    @property
    def sectors(self) -> int:
        return self.size // self.sector

    def _number(self, request: int, form: str) -> int:
        buffer = bytearray(struct.calcsize(form))
        fcntl.ioctl(self._fd, request, buffer)
        return int(struct.unpack(form, buffer)[0])

    def read(self, offset: int, length: int) -> bytes:
        """Up to `length` bytes."""
        parts = []
        while length > 0 and (part := os.pread(self._fd, length, offset)):
            parts.append(part)
            offset, length = offset + len(part), length - len(part)
        return b"".join(parts)

    def write(self, offset: int, data: bytes) -> None:
        """All of it."""
        view = memoryview(data)
        while view:
            done = os.pwrite(self._fd, view, offset)
            view, offset = view[done:], offset + done

    def flush(self) -> None:
        os.fsync(self._fd)

    def table(self) -> gpt.Table:
        """TableError where there is none."""
        return gpt.parse(self.read, self.sectors, self.sector)

    def write_table(self, table: gpt.Table) -> None:
        """On the disk when the call returns; the kernel's view of the partitions follows."""
        for offset, data in table.writes():
            self.write(offset, data)
            self.flush()
        self.tell_kernel(table)

    def tell_kernel(self, table: gpt.Table) -> None:
        """Make the partition devices those of the table: added, removed and resized one by one, which leaves those that
        are mounted alone. Rejected: BLKRRPART, which fails when one partition of the disk is in use, and does nothing
        where the kernel reads no tables."""
        if not self.is_device:
            return
        known = dict(self._kernel_partitions())
        wanted = {p.number: (p.first * self.sector, p.sectors * self.sector) for p in table.partitions}
        for number, where in known.items():
            if number not in wanted or wanted[number][0] != where[0]:
                self._blkpg(_BLKPG_DEL, number, 0, 0)
        for number, where in wanted.items():
            if number not in known or known[number][0] != where[0]:
                self._blkpg(_BLKPG_ADD, number, *where)
            elif known[number] != where:
                self._blkpg(_BLKPG_RESIZE, number, *where)

    def _kernel_partitions(self) -> Iterator[tuple[int, tuple[int, int]]]:
        for entry in (block.SYS / "class/block" / self.path.name).glob("*/partition"):
            start, size = (int((entry.parent / name).read_text()) * block.SECTOR for name in ("start", "size"))
            yield int(entry.read_text()), (start, size)

    def _blkpg(self, operation: int, number: int, start: int, length: int) -> None:
        # struct blkpg_partition { long long start, length; int pno; char devname[64], volname[64]; }
        partition = bytearray(struct.pack("=qqi64s64s4x", start, length, number, b"", b""))
        buffer = (ctypes.c_char * len(partition)).from_buffer(partition)
        # struct blkpg_ioctl_arg { int op, flags, datalen; void *data; }
        fcntl.ioctl(
            self._fd, BLKPG, struct.pack("@iiiP", operation, 0, len(partition), ctypes.addressof(buffer))
        )

    def wipe(self, offset: int, length: int) -> None:
        """Overwrite with zeros, so that nothing of what was there can be read. The kernel does it where it can, which
        is quick on devices that know zeros; a discard alone is a hint, and no promise that nothing is left."""
        if self.is_device:
            with contextlib.suppress(OSError):
                fcntl.ioctl(self._fd, BLKZEROOUT, struct.pack("QQ", offset, length))
                return
        end = offset + length
        while offset < end:
            step = min(len(_ZERO), end - offset)
            self.write(offset, _ZERO[:step])
            offset += step
        self.flush()
