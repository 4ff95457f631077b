"""Wiping the partitions of an installed machine, while it still runs from them.

A file system that is mounted would write after us what it still holds. So it is shut down first, without flushing its
log (XFS_IOC_GOINGDOWN): from then on nothing of it reaches the disk, and every byte of the partition is overwritten.

The EFI partition is an exception: the running system's root is read from it to the end (os/stage1/slot.c), and what
lies there is the system that everybody may have. It loses the sectors that make it a file system, which the running
kernel has read long ago; a boot loader is not found on it again.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import struct
from collections.abc import Iterable
from pathlib import Path

from talos.config.view.volumes import PREFIXES, mount_path
from talos.linux.block import partition_path
from talos.linux.disk_io import OpenDisk
from talos.linux.gpt import Partition
from talos.linux.swap import swapoff
from talos.machined.disk import layout, system_disk

log = logging.getLogger("machined.disk")

LABELS = (layout.META, layout.STATE, layout.EPHEMERAL)
_GOINGDOWN = 0x8004587D  # _IOR('X', 125, __u32)
_NO_LOG_FLUSH = 2
_EDGE = 1 << 20
_FAT_RESERVED = 32
"""sectors before the allocation tables (mkfs.fat, FAT32): boot sector, its copy and the count of free clusters"""


class WipeError(Exception):
    """Something is left on the disk; the text says what."""


def wipe(
    labels: Iterable[str],
    disk: system_disk.SystemDisk,
    root: Path = Path("/"),
    elsewhere: dict[str, Path] | None = None,
) -> None:
    """Overwrite partitions. No labels: all that the system ever wrote, its boot loader and partition table included, so
    that the machine starts from another medium next. `elsewhere`: partitions on other disks, by label. WipeError."""
    named = tuple(labels)
    targets = {name: target for name, target, _, _ in system_disk.TARGETS}
    try:
        for label, path in (elsewhere or {}).items():
            if not named or label in named:
                _shut_down(root / targets[label].lstrip("/"))
                with OpenDisk(path, writable=True) as opened:
                    log.info("wiping %s on %s, %d KiB", label, path, opened.size >> 10)
                    opened.wipe(0, opened.size)
        with OpenDisk(disk.path, writable=True) as opened:
            for label in named or (*LABELS, layout.EFI):
                partition = disk.table.named(label)
                if partition is None:
                    continue
                if label in targets:
                    _shut_down(root / targets[label].lstrip("/"))
                length = (_FAT_RESERVED if label == layout.EFI else partition.sectors) * opened.sector
                log.info("wiping %s, %d KiB", label, length >> 10)
                opened.wipe(partition.first * opened.sector, length)
            if not named:
                for partition in disk.table.partitions:
                    if partition.name.startswith(tuple(PREFIXES.values())):
                        _wipe_volume(partition, disk, opened, root)
                opened.wipe(0, _EDGE)
                opened.wipe(opened.size - _EDGE, _EDGE)
    except OSError as error:
        raise WipeError(f"{disk.path} is not wiped: {error}") from error


def _wipe_volume(partition: Partition, disk: system_disk.SystemDisk, opened: OpenDisk, root: Path) -> None:
    """A volume of the user's on the system's disk: its disk goes as a whole. OSError."""
    log.info("wiping %s", partition.name)
    if target := mount_path(partition.name):
        _shut_down(root / target.lstrip("/"))
    with contextlib.suppress(OSError):  # no swap, or not on
        swapoff(partition_path(disk.path, partition.number))
    opened.wipe(partition.first * opened.sector, partition.sectors * opened.sector)


def _shut_down(target: Path) -> None:
    """The EFI partition is FAT, which nothing writes to in between, and knows no shutdown. Where nothing is mounted the
    file system below would be shut down, which is another's."""
    if not target.is_mount():
        return
    try:
        fd = os.open(target, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        fcntl.ioctl(fd, _GOINGDOWN, struct.pack("=I", _NO_LOG_FLUSH))
    except OSError as error:
        if error.errno not in (22, 25):  # EINVAL, ENOTTY: no XFS is mounted there
            raise
    finally:
        os.close(fd)
