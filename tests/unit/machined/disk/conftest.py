"""A disk to install to, and what is installed."""

from __future__ import annotations

import contextlib
import errno
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.unit.machined.disk.loop_disk import GIB, LOSETUP

from talos.linux import gpt
from talos.linux.disk_io import OpenDisk
from talos.linux.mount import mounts, umount
from talos.machined.disk.installer import Plan
from talos.slots import payload


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """An empty disk of 5 GiB, sparse."""
    with attached(tmp_path, "disk.img", 5 * GIB) as device:
        yield device


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Path]:
    """Another one of 4 GiB."""
    with attached(tmp_path, "other.img", 4 * GIB) as device:
        yield device


@contextmanager
def attached(folder: Path, name: str, size: int, sector: int = gpt.SECTOR) -> Iterator[Path]:
    assert LOSETUP is not None
    image = folder / name
    with image.open("wb") as file:
        file.truncate(size)
    command = [LOSETUP, "--find", "--partscan", "--show", "--sector-size", str(sector), str(image)]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    device = Path(run.stdout.strip())
    try:
        yield device
    finally:
        for mount in reversed(mounts()):
            if mount.target.startswith(str(folder)):
                umount(mount.target)
        with OpenDisk(device, writable=True) as opened, contextlib.suppress(gpt.TableError):
            forget_partitions(opened)
        subprocess.run([LOSETUP, "--detach", device], check=True)


def forget_partitions(disk: OpenDisk) -> None:
    """Whoever else on this host looks at a new partition (a node's own controllers, udev) holds it for a moment."""
    for _ in range(50):
        try:
            return disk.tell_kernel(gpt.new(disk.sectors, disk.sector))
        except OSError as error:
            if error.errno != errno.EBUSY:
                raise
            time.sleep(0.1)
    raise AssertionError("a partition of the disk is in use after the test")


@pytest.fixture
def plan(tmp_path: Path, disk: Path) -> Plan:
    image = tmp_path / "image"
    image.write_bytes(b"hsqs" + bytes(100_000))
    payload.tag(image, "v1.14.0")
    loader = tmp_path / "loader.efi"
    loader.write_bytes(b"MZ loader")
    files = {"EFI/BOOT/BOOTX64.EFI": loader, "loader/loader.conf": loader}
    state = tmp_path / "state"
    (state / "generations").mkdir(parents=True)
    (state / "config.yaml").write_text("version: v1alpha1\n")
    return Plan(disk, image, files, state, efi_kind="xfs")
