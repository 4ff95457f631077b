"""Block devices: which disks there are, how large, what the kernel knows of their partitions (sysfs, ioctl_list(2)).

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
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from talos.linux import partition_table
from talos.linux.mount import mounts

BLKSSZGET = 0x1268
BLKGETSIZE64 = 0x80081272
BLKZEROOUT = 0x127F
BLKPG = 0x1269
_BLKPG_ADD, _BLKPG_DEL, _BLKPG_RESIZE = 1, 2, 3
SYS_BLOCK = Path("/sys/class/block")
_VIRTUAL = ("loop", "ram", "dm-", "zram", "md", "nbd")
_ZERO = bytes(1 << 20)


@dataclass(frozen=True, slots=True)
class Disk:
    """A whole disk. size in bytes."""

    name: str
    size: int
    model: str = ""
    serial: str = ""
    wwid: str = ""
    modalias: str = ""
    uuid: str = ""
    bus_path: str = ""
    subsystem: str = ""
    transport: str = ""
    rotational: bool = False
    readonly: bool = False
    cdrom: bool = False
    sector: int = 512

    @property
    def path(self) -> Path:
        return Path("/dev", self.name)


def disks(sys_block: Path = SYS_BLOCK) -> list[Disk]:
    """The machine's disks, by name; no partitions and nothing that is made of other devices."""
    found = []
    for entry in sorted(sys_block.iterdir()):
        if (entry / "partition").exists() or entry.name.startswith(_VIRTUAL):
            continue
        with contextlib.suppress(OSError, ValueError):
            found.append(_disk(entry))
    return found


def _disk(entry: Path) -> Disk:
    where = str(entry.resolve())
    bus = where.partition("/devices")[2].rpartition("/block")[0]
    name = entry.name
    transport = (
        "nvme" if name.startswith("nvme") else "virtio" if "/virtio" in where else "usb" if "/usb" in where
        else "mmc" if name.startswith("mmcblk") else "sata" if "/ata" in where else ""
    )  # fmt: skip
    return Disk(
        name=name,
        size=int(_read(entry / "size") or 0) * 512,
        model=_read(entry / "device/model"),
        serial=_read(entry / "device/serial") or _read(entry / "serial"),
        wwid=_read(entry / "device/wwid") or _read(entry / "wwid"),
        modalias=_read(entry / "device/modalias"),
        uuid=_read(entry / "uuid"),
        bus_path=bus,
        subsystem=str((entry / "subsystem").resolve().name),
        transport=transport,
        rotational=_read(entry / "queue/rotational") == "1",
        readonly=_read(entry / "ro") == "1",
        cdrom=name.startswith("sr"),
        sector=int(_read(entry / "queue/logical_block_size") or 512),
    )


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return ""


def partition_path(disk: Path, number: int) -> Path:
    """/dev/sda1, /dev/nvme0n1p1, /dev/loop0p1."""
    separator = "p" if disk.name[-1:].isdigit() else ""
    return disk.with_name(f"{disk.name}{separator}{number}")


def mounted_below(disk: Path, sys_block: Path = SYS_BLOCK) -> list[str]:
    """Where a disk or one of its partitions is mounted."""
    folder = sys_block / disk.name
    numbers = {_read(entry / "dev") for entry in (folder, *folder.glob("*/")) if (entry / "dev").exists()}
    return [mount.target for mount in mounts() if mount.device in numbers]


class OpenDisk:
    """A disk that is open, as bytes by offset. Writable only when asked for."""

    def __init__(self, path: Path, *, writable: bool = False) -> None:
        self.path = path
        self._fd = os.open(path, (os.O_RDWR if writable else os.O_RDONLY) | os.O_CLOEXEC)
        self.is_device = stat.S_ISBLK(os.fstat(self._fd).st_mode)
        self.sector = self._number(BLKSSZGET, "I") if self.is_device else partition_table.SECTOR
        self.size = self._number(BLKGETSIZE64, "Q") if self.is_device else os.fstat(self._fd).st_size

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

    def table(self) -> partition_table.Table:
        """TableError where there is none."""
        return partition_table.parse(self.read, self.sectors, self.sector)

    def write_table(self, table: partition_table.Table) -> None:
        """On the disk when the call returns; the kernel's view of the partitions follows."""
        for offset, data in table.writes():
            self.write(offset, data)
            self.flush()
        self.tell_kernel(table)

    def tell_kernel(self, table: partition_table.Table) -> None:
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
        for entry in (SYS_BLOCK / self.path.name).iterdir():
            if (entry / "partition").exists():
                start, size = int(_read(entry / "start")) * 512, int(_read(entry / "size")) * 512
                yield int(_read(entry / "partition")), (start, size)

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
