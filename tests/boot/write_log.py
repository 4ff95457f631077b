"""Every write that a machine made to its disk, in order: the disk as a power cut at any of these moments leaves it.

QEMU's driver blklogwrites keeps the log, in the format of the kernel's device mapper target log-writes
(Documentation/admin-guide/device-mapper/log-writes.rst): a first sector with magic, version, number of entries and
sector size, then for each write a sector that describes it and its data.
"""

from __future__ import annotations

import struct
import subprocess
from pathlib import Path

MAGIC = 0x6A736677736872
_DISCARD = 4
_SUPER, _ENTRY = struct.Struct("<QQQI"), struct.Struct("<QQQQ")


def options(command: list[str], disk: Path, log: Path) -> list[str]:
    """QEMU's command line with the first disk behind the log."""
    at = command.index(f"if=none,id=disk0,format=raw,discard=unmap,file={disk}")
    log.touch()
    behind = [
        "-blockdev", f"driver=file,node-name=plain0,filename={disk}",
        "-blockdev", f"driver=file,node-name=log0,filename={log}",
        "-blockdev", "driver=blklogwrites,node-name=disk0,file=plain0,log=log0",
    ]  # fmt: skip
    # Merged requests have as many pieces as one system call takes (IOV_MAX), and the log adds two: they would fail.
    unmerged = ",request-merging=off"
    rest = [word + unmerged if word.startswith("virtio-blk-pci,drive=disk0,") else word for word in command]
    return [*rest[: at - 1], *behind, *rest[at + 1 :]]


class WriteLog:
    """The writes of one log. ValueError: it is none."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.writes: list[tuple[int, int, int]] = []
        """(offset on the disk, length, offset in the log); flushes and discards, which change nothing, are left out"""
        with path.open("rb") as file:
            magic, version, _, sector = _SUPER.unpack(file.read(_SUPER.size))
            if (magic, version) != (MAGIC, 1):
                raise ValueError(f"{path} is no log of writes")
            at, end = sector, path.stat().st_size
            while at + _ENTRY.size <= end:
                file.seek(at)
                where, sectors, flags, _ = _ENTRY.unpack(file.read(_ENTRY.size))
                at += sector
                if flags & _DISCARD:
                    continue
                if at + sectors * sector > end:
                    break  # QEMU ended in the middle of it
                if sectors:
                    self.writes.append((where * sector, sectors * sector, at))
                at += sectors * sector

    def replay(self, before: Path, disk: Path, count: int) -> None:
        """The disk after the first `count` writes; `before`: as it was before the first."""
        subprocess.run(["cp", "--sparse=always", before, disk], check=True)
        with self._path.open("rb") as log, disk.open("r+b") as out:
            for offset, length, at in self.writes[:count]:
                log.seek(at)
                out.seek(offset)
                out.write(log.read(length))
