"""Disks beside the system's that a reset wipes: looked up before anything is stopped, overwritten when all is."""

from __future__ import annotations

import errno
import logging
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from talos.linux.block import mounted_below
from talos.linux.disk_io import OpenDisk
from talos.machined.disk import system_disk
from talos.machined.disk.reset import WipeError

log = logging.getLogger("machined.disk")


class NoUserDiskError(Exception):
    """A name is none of a disk that may be wiped; nothing was changed."""


def resolve(names: Iterable[str], root: Path = Path("/"), system: Path | None = None) -> tuple[str, ...]:
    """Disks by their names below /dev (links too), each once, in order. `system`: the system's disk, looked up where
    none is given. NoUserDiskError."""
    if system is None and (found := system_disk.find()) is not None:
        system = found.path
    resolved: list[str] = []
    for name in names:
        path = (root / "dev" / name.removeprefix("/dev/")).resolve()
        if system is not None and path == system.resolve():
            raise NoUserDiskError(f"{name} is the system disk: --wipe-mode system-disk, or all, wipes it")
        entry = root / "sys/class/block" / path.name
        if not path.exists() or not entry.exists():
            raise NoUserDiskError(f"{name}: this machine has no such disk; `talosctl get disks` lists them")
        if (entry / "partition").exists():
            raise NoUserDiskError(f"{name} is a partition: name its disk, or use `talosctl wipe disk`")
        if (entry / "ro").read_text().strip() == "1":
            raise NoUserDiskError(f"{name} is read-only")
        resolved.append(str(path))
    return tuple(dict.fromkeys(resolved))


def _refuse_held(path: Path) -> None:
    """Whoever holds the disk or a part of it (mount, RAID, LVM) would write after us. OSError."""
    try:
        os.close(os.open(path, os.O_RDWR | os.O_EXCL | os.O_CLOEXEC))
    except OSError as error:
        if error.errno != errno.EBUSY:
            raise
        users = ", ".join(mounted_below(path)) or "a RAID array or volume group lies on it"
        raise OSError(errno.EBUSY, f"it is in use: {users}") from error


def wipe(disks: Sequence[str]) -> None:
    """Overwrite each of them whole; the others go on where one fails. WipeError names those that did."""
    failed = []
    for path in map(Path, disks):
        try:
            _refuse_held(path)
            with OpenDisk(path, writable=True) as disk:
                log.info("wiping %s, %d MiB", path, disk.size >> 20)
                disk.wipe(0, disk.size)
        except OSError as error:
            failed.append(f"{path} is not wiped: {error}")
    if failed:
        raise WipeError("; ".join(failed))
