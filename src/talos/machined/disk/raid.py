"""Destroying a RAID array: `talosctl wipe md`. The kernel lets go of the members, then they forget it."""

from __future__ import annotations

import errno
import logging
from pathlib import Path

from talos.linux import md
from talos.linux.disk_io import OpenDisk

log = logging.getLogger("machined.disk")


class UnknownArrayError(LookupError):
    """There is no such array."""


class ArrayRefusedError(Exception):
    """It cannot be destroyed; nothing was changed."""


def find(name: str, arrays: list[md.Array]) -> md.Array:
    """By kernel name or path ("md0", "/dev/md0", "/dev/md/data"). UnknownArrayError."""
    path = Path("/dev") / name.removeprefix("/dev/")
    names = {path.name, path.resolve().name}
    found = next((array for array in arrays if array.name in names), None)
    if found is None:
        known = ", ".join(array.name for array in arrays)
        raise UnknownArrayError(f'RAID array "{name}" not found' + (f": there is {known}" if known else ""))
    return found


def destroy(array: md.Array, dev: Path) -> None:
    """Blocking. `dev` is the folder of device nodes. ArrayRefusedError; OSError: a member failed in the middle, and
    still is one."""
    places = {}
    for member in array.members:
        with OpenDisk(dev / member) as disk:
            offset = md.superblock_offset(array.version, disk.size)
        if offset is None:
            raise ArrayRefusedError(f'RAID array "{array.name}" has metadata of version {array.version}: not supported')
        places[member] = offset
    try:
        md.stop(dev / array.name)
    except OSError as error:
        why = "is in use: unmount what lies on it" if error.errno == errno.EBUSY else f"cannot be stopped: {error}"
        raise ArrayRefusedError(f'RAID array "{array.name}" {why}') from error
    log.info("RAID array %s is stopped, its members %s forget it", array.name, ", ".join(array.members))
    for member, offset in places.items():
        with OpenDisk(dev / member, writable=True) as disk:
            if disk.read(offset, len(md.MAGIC)) == md.MAGIC:
                disk.wipe(offset, md.SUPERBLOCK)
