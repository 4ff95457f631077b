"""A swap partition: made where nothing lies, turned on and off."""

from __future__ import annotations

import logging
import uuid
from pathlib import Path

from talos.linux import swap
from talos.linux.disk_io import OpenDisk
from talos.machined.disk import filesystem
from talos.machined.disk.filesystem import FormatError

log = logging.getLogger("machined.disk")


def ensure(device: Path, label: str) -> bool:
    """Make a swap area unless there is one; whether it was made. What was in it is nobody's after a start, what else
    lies there is somebody's: FormatError."""
    if (there := filesystem.found(device)) == "swap":
        return False
    if there or not filesystem.is_blank(device):
        raise FormatError(f"{device} ({label}) holds {there or 'data'}, not swap: wipe it if nobody needs it")
    with OpenDisk(device, writable=True) as disk:
        try:
            disk.write(0, swap.header(disk.size, label, uuid.uuid4()))
        except ValueError as error:
            raise FormatError(f"{device} ({label}): {error}") from error
        disk.flush()
    log.info("%s: new swap area %s", device, label)
    return True


def turn_on(device: Path) -> None:
    """OSError."""
    if not _active(device):
        swap.swapon(device)
        log.info("%s: swap is on", device)


def turn_off(device: Path) -> None:
    """OSError: what was written to it does not fit into memory."""
    if _active(device):
        swap.swapoff(device)
        log.info("%s: swap is off", device)


def _active(device: Path) -> bool:
    """By device number: the kernel tells the path that it was turned on by."""
    number = device.stat().st_rdev
    for area in swap.areas():
        try:
            if Path(area.path).stat().st_rdev == number:
                return True
        except OSError:
            continue
    return False
