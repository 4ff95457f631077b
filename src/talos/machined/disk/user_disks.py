"""Disks beside the system's that a reset wipes: looked up before anything is stopped, overwritten when all is."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from talos.linux.block import SYS, mounted_below
from talos.linux.disk_io import OpenDisk
from talos.linux.mount import umount
from talos.machined.disk import system_disk
from talos.machined.disk.reset import WipeError

log = logging.getLogger("machined.disk")

VOLUMES = "/var/"
"""where the user's volumes are mounted"""


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


def _release(path: Path, below: str) -> None:
    """Take down volumes of the user's that lie on a disk: they are to go. OSError: one is in use."""
    from talos.linux.cryptsetup import CryptError, close

    folder = SYS / "class/block" / path.name
    parts = [folder, *(entry.parent for entry in folder.glob("*/partition"))]
    for name in (path.name, *(holder.name for part in parts for holder in (part / "holders").glob("dm-*"))):
        for target in reversed(mounted_below(Path("/dev", name))):
            if target.startswith(below):
                log.info("unmounting %s", target)
                umount(target)
        mapping = SYS / "class/block" / name / "dm/name"
        if name != path.name and (found := mapping.read_text().strip()).startswith("luks2-"):
            try:
                close(found)
            except CryptError as error:
                raise OSError(errno.EBUSY, str(error)) from error


def wipe(disks: Sequence[str], volumes: str = VOLUMES) -> None:
    """Overwrite each of them whole; the others go on where one fails. What is mounted below `volumes` is unmounted
    first. WipeError names those that failed."""
    failed = []
    for path in map(Path, disks):
        try:
            with contextlib.suppress(OSError):
                _release(path, volumes)
            _refuse_held(path)
            with OpenDisk(path, writable=True) as disk:
                log.info("wiping %s, %d MiB", path, disk.size >> 20)
                disk.wipe(0, disk.size)
        except OSError as error:
            failed.append(f"{path} is not wiped: {error}")
    if failed:
        raise WipeError("; ".join(failed))
