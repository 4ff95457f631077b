"""File systems of the system's partitions: made once, found again, grown with their partition."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import logging
import os
import shutil
import struct
import subprocess
from pathlib import Path

from talos.linux.disk_io import OpenDisk
from talos.linux.superblock import probe

log = logging.getLogger("machined.disk")

TOOLS = "/usr/lib/modules/machine"
"""programs that only a machine has (talos.imager.boot.tools)"""
MADE = ("xfs", "ext4")
"""file systems of the user's volumes that the image has an mkfs for"""
_XFS_GROW = 0x4010586E  # _IOW('X', 110, struct xfs_growfs_data { __u64 newblocks; __u32 imaxpct; })
_XFS_IN_PROGRESS = 126  # sb_inprogress: mkfs has not finished
_HEAD = 64 << 10
"""what mkfs writes to first, and `system_disk.complete` leaves zeros in where it makes a partition"""
_LABEL_LIMITS = {"xfs": 12, "ext4": 16}
_EXT4_RESIZE = 0x40086610  # _IOW('f', 16, __u64 blocks)
_GROUPS = 4
_FAT_CLUSTER = 4096


class FormatError(Exception):
    """mkfs failed; the text says what it said."""


class VolumeError(Exception):
    """A volume cannot be used; the text names it, and what was tried."""


def found(device: Path) -> str:
    """Name of the file system on a device, "" for none, and for an XFS whose making was cut short."""
    with OpenDisk(device) as disk:
        superblock = probe(disk.read)
        return "" if superblock is None or _cut_short(disk) else superblock.name


def _cut_short(disk: OpenDisk) -> bool:
    head = disk.read(0, _XFS_IN_PROGRESS + 1)
    return head[:4] == b"XFSB" and head[_XFS_IN_PROGRESS] != 0


def is_blank(device: Path) -> bool:
    """Whether nothing lies there: otherwise, if nothing recognizes it, it is the first block of a file system that was
    good."""
    with OpenDisk(device) as disk:
        return _cut_short(disk) or not any(disk.read(0, _HEAD))


def label(kind: str, name: str) -> str:
    """What of a volume's name is the label of its file system."""
    return name[: _LABEL_LIMITS.get(kind)]


def make(device: Path, kind: str, name: str, group: int = 0) -> None:
    """A new file system over whatever is there; `group`: the least size of an allocation group of XFS in bytes, 0 for
    what mkfs chooses. FormatError, OSError."""
    command = {
        # -K: no discard, the installer has wiped what is to be wiped.
        # --unsupported: STATE is smaller than what mkfs.xfs makes for anybody else.
        "xfs": ["mkfs.xfs", "-f", "-q", "-K", "--unsupported", "-L", label(kind, name),
                *(["-d", f"agcount={count}"] if (count := _groups(device, kind, group)) else []), str(device)],
        "ext4": ["mkfs.ext4", "-q", "-F", "-E", "nodiscard", "-L", label(kind, name), str(device)],
        # mkfs.fat makes clusters eight times as large of sectors of 4096 bytes, and comes near to too few for a FAT32.
        "vfat": ["mkfs.fat", "-F", "32", "-s", str(_fat_sectors(device, kind)), "-n", label(kind, name), str(device)],
    }[kind]
    log.info("%s: new %s file system %s", device, kind, name)
    search = f"{TOOLS}/bin:/usr/bin:/usr/sbin:/sbin"
    program = shutil.which(command[0], path=search) or command[0]
    environment = {"PATH": search, "LD_LIBRARY_PATH": f"{TOOLS}/lib"} if program.startswith(TOOLS) else {"PATH": search}
    try:
        done = subprocess.run(
            [program, *command[1:]],
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
            env=environment,
        )
    except OSError as error:
        raise FormatError(f"{command[0]} cannot be run: {error.strerror}") from error
    if done.returncode != 0:
        raise FormatError(f"{' '.join(command)} ended with {done.returncode}: {(done.stderr or done.stdout).strip()}")


def _fat_sectors(device: Path, kind: str) -> int:
    """Sectors of a cluster of 4 KiB."""
    if kind != "vfat":
        return 0
    with OpenDisk(device) as disk:
        return max(1, _FAT_CLUSTER // disk.sector)


def _groups(device: Path, kind: str, least: int) -> int:
    """How many allocation groups keep to that size, 0 where mkfs' own choice does: four on anything below 4 TiB. With
    one there is no copy of the superblock."""
    if kind != "xfs" or not least:
        return 0
    with OpenDisk(device) as disk:
        count = disk.size // least
    return 0 if count >= _GROUPS else max(2, count)


def ensure(device: Path, kind: str, label: str, group: int = 0) -> bool:
    """Make the file system unless there is one; whether it was made. FormatError when something else is there, and when
    what is there cannot be recognized: a flipped bit must not cost a machine its configuration or its etcd."""
    existing = found(device)
    if existing == kind:
        return False
    if existing:
        raise FormatError(f"{device} ({label}) holds {existing}, not {kind}: wipe it if nobody needs it")
    if not is_blank(device):
        raise FormatError(
            f"{device} ({label}) is not empty and holds no file system that can be recognized, so it is left as it is: "
            "its first block is damaged; repair it from another system, or wipe it if nobody needs it"
        )
    make(device, kind, label, group)
    return True


def grow_xfs(mounted: Path, device_bytes: int) -> None:
    """Let a mounted XFS use its whole device. OSError."""
    block = os.statvfs(mounted).f_bsize
    fd = os.open(mounted, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        # Fewer blocks than a 16th of a per cent more are not worth an ioctl that may fail; equal is EINVAL.
        with contextlib.suppress(FileNotFoundError):
            fcntl.ioctl(fd, _XFS_GROW, struct.pack("=QIxxxx", device_bytes // block, 25))
    finally:
        os.close(fd)


def grow_ext4(mounted: Path, device_bytes: int) -> None:
    """The same of ext4 (fs/ext4/ioctl.c, EXT4_IOC_RESIZE_FS). OSError."""
    block = os.statvfs(mounted).f_bsize
    fd = os.open(mounted, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.ioctl(fd, _EXT4_RESIZE, struct.pack("=Q", device_bytes // block))
    finally:
        os.close(fd)


def fill(where: Path, device: Path, kind: str = "xfs") -> None:
    """Let a mounted file system use all of its device, which may have grown; what goes wrong is logged."""
    grow = {"xfs": grow_xfs, "ext4": grow_ext4}.get(kind)
    if grow is None:
        return
    try:
        with OpenDisk(device) as opened:
            size = opened.size
        grow(where, size)
    except OSError as error:
        if error.errno != errno.EINVAL:  # it has that size
            log.warning("%s does not grow: %s", where, error)
