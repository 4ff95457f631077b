"""What a machine is installed from. The medium that it was started from: the EFI system partition of an ISO or a stick,
found by the UUID that systemd-boot tells. Or, for a machine that came from the network, an image of a registry, and the
boot loader that lies beside the kernel's modules.

The partition of an ISO in a CD drive has no device of its own, so it is mounted through a loop device by its place.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from msgspec import Struct

from talos.linux import gpt, loop
from talos.linux.block import SYS, disks
from talos.linux.disk_io import OpenDisk
from talos.linux.mount import MS_NODEV, MS_NOEXEC, MS_NOSUID, MS_RDONLY, mount, umount
from talos.linux.superblock import probe
from talos.machined.disk.system_disk import booted_partition
from talos.slots.folder import LINUX, LOADER_CONF

BOOT_LOADER = Path("/usr/lib/modules/install/amd64/systemd-boot.efi")
ISO_LABEL = "TALOS"
_WHERE = Path("/run/machined/medium")
_FLAGS = MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC


NOTHING = (
    "this machine was not started from a disk or an ISO that it could be installed from (netboot?): "
    "name an image of a registry as the configuration's installer image, or start the machine from the ISO"
)


class MediumError(Exception):
    """There is nothing to install from; the text says what was looked for."""


class Medium(Struct, frozen=True):
    """image: unified kernel image. others: path on an EFI partition → file."""

    image: Path
    others: dict[str, Path]


def find(uuid: str, sysfs: Path = SYS) -> tuple[Path, int, int]:
    """Device, offset and size of the partition of that UUID. MediumError."""
    for device in disks(sysfs):
        try:
            with OpenDisk(device.node) as disk:
                for sector in {disk.sector, gpt.SECTOR}:  # an ISO counts in 512, its drive in 2048
                    try:
                        table = gpt.parse(disk.read, disk.size // sector, sector)
                    except gpt.TableError:
                        continue
                    for partition in table.partitions:
                        if str(partition.id) == uuid or (not uuid and _of_an_iso(disk, partition)):
                            return disk.path, partition.first * sector, partition.sectors * sector
        except OSError:
            continue
    if not uuid:
        raise MediumError(NOTHING)
    raise MediumError(f"no disk has the partition {uuid} that this machine was started from")


def _of_an_iso(disk: OpenDisk, partition: gpt.Partition) -> bool:
    """The EFI partition of our ISO: firmware that boots from a CD drive names no partition to the boot loader."""
    if partition.type != gpt.EFI_SYSTEM:
        return False
    superblock = probe(disk.read)
    return superblock is not None and (superblock.name, superblock.label) == ("iso9660", ISO_LABEL)


def available() -> bool:
    """Whether there is a medium."""
    try:
        find(booted_partition())
    except MediumError:
        return False
    return True


@contextmanager
def mounted() -> Iterator[Medium]:
    """The files of the medium, for the block. MediumError."""
    device, offset, size = find(booted_partition())
    _WHERE.mkdir(parents=True, exist_ok=True)
    try:
        path, fd = loop.attach(device, offset, size)
        try:
            mount(path, _WHERE, "vfat", _FLAGS)
        finally:
            os.close(fd)
    except OSError as error:
        raise MediumError(f"the medium {device} cannot be read: {error}") from error
    try:
        yield _files(_WHERE)
    finally:
        umount(_WHERE)


@contextmanager
def from_image(image: Path) -> Iterator[Medium]:
    """An image that was fetched, with this system's own boot loader; the file is removed after. MediumError."""
    settings = image.with_name("loader.conf")
    try:
        if not BOOT_LOADER.exists():
            raise MediumError(f"{BOOT_LOADER} does not exist: this system cannot install itself")
        settings.write_text(LOADER_CONF)
        loaders = ("EFI/BOOT/BOOTX64.EFI", "EFI/systemd/systemd-bootx64.efi")
        yield Medium(image, {**dict.fromkeys(loaders, BOOT_LOADER), "loader/loader.conf": settings})
    finally:
        settings.unlink(missing_ok=True)
        image.unlink(missing_ok=True)


def _files(root: Path) -> Medium:
    images = sorted((root / LINUX).glob("*.efi")) if (root / LINUX).is_dir() else []
    if not images:
        raise MediumError("the medium that this machine was started from holds no unified kernel image")
    others = {
        str(path.relative_to(root)): path
        for path in sorted(root.rglob("*"))
        if path.is_file() and path.parent != root / LINUX
    }
    return Medium(images[0], others)
