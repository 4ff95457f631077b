"""Loop devices as disks, and the system's volumes mounted below a folder instead of the root."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from talos.machined.disk import system_disk
from talos.machined.disk.system_disk import SystemDisk
from talos.machined.disk.volumes import BringUp, Targets

GIB = 1 << 30
LOSETUP = shutil.which("losetup", path="/usr/sbin:/sbin")
needs_loop = pytest.mark.skipif(os.geteuid() != 0 or LOSETUP is None, reason="loop devices need root")


def targets(root: Path) -> Targets:
    for _, target, _, _ in system_disk.TARGETS:
        (root / target.lstrip("/")).mkdir(parents=True)
    return tuple((name, target, "xfs", flags) for name, target, _, flags in system_disk.TARGETS)


def bring_up(disk: SystemDisk, root: Path, where: Targets) -> None:
    assert [state.problem for state in BringUp(disk, root, where).run().values()] == ["", "", ""]


def holes_left_out(fd: int, size: int) -> Iterator[tuple[int, int]]:
    """Ranges of a sparse file that hold data."""
    at = 0
    while at < size:
        try:
            start = os.lseek(fd, at, os.SEEK_DATA)
        except OSError:
            return
        at = os.lseek(fd, start, os.SEEK_HOLE)
        yield start, at
