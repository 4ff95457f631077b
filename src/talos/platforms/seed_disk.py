"""Files from a small disk or CD that is found by its label: a configuration disk, a cloud-init seed."""

from __future__ import annotations

import asyncio
import contextlib
import os
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from talos.linux.mount import MS_NODEV, MS_NOEXEC, MS_NOSUID, MS_RDONLY, mount, umount
from talos.linux.superblock import Read, Superblock, probe
from talos.platforms import Machine, PlatformError, read_bounded

_FILESYSTEMS = ("iso9660", "vfat")


def find(machine: Machine, labels: Sequence[str]) -> tuple[Path, Superblock] | None:
    """The first block device with a filesystem of one of the labels, whatever their case."""
    wanted = {label.lower() for label in labels}
    folder = machine.env.path("/sys/class/block")
    for entry in sorted(folder.iterdir()) if folder.is_dir() else ():
        device = machine.env.path("/dev") / entry.name
        with contextlib.suppress(OSError), device.open("rb", buffering=0) as file:  # a drive without a medium
            found = probe(_reader(file.fileno()))
            if found is not None and found.name in _FILESYSTEMS and found.label.lower() in wanted:
                return device, found
    return None


def _reader(fd: int) -> Read:
    return lambda offset, length: os.pread(fd, length, offset)


async def files(machine: Machine, labels: Sequence[str], names: Iterable[str]) -> dict[str, bytes] | None:
    """The named files that the disk has; None when there is no such disk. PlatformError."""
    found = find(machine, labels)
    if found is None:
        return None
    device, superblock = found
    return await asyncio.to_thread(_read, device, superblock, tuple(names))


def _read(device: Path, superblock: Superblock, names: tuple[str, ...]) -> dict[str, bytes]:
    with tempfile.TemporaryDirectory(prefix="seed-", dir="/run" if Path("/run").is_dir() else None) as folder:
        try:
            mount(str(device), folder, superblock.name, MS_RDONLY | MS_NODEV | MS_NOEXEC | MS_NOSUID)
        except OSError as error:
            raise PlatformError(f"{device} ({superblock.label}) cannot be mounted: {error}") from error
        try:
            return {name: read_bounded(Path(folder, name)) for name in names if Path(folder, name).is_file()}
        finally:
            umount(folder)
