"""Wiping block devices on request: `talosctl wipe disk`. What is in use is refused before anything is touched.

FAST overwrites where file systems, RAID, LVM and partition tables say what they are (the ends of the device), so that
nothing recognizes it; ZEROES overwrites all of it, so that nothing can be read.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import uuid
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from talos.linux.disk_io import OpenDisk
from talos.linux.gpt import Table
from talos.machined.node import Node
from talos.resources.block import DeviceSpec, DiscoveryRefreshRequestSpec, DiskSpec, SystemDiskSpec, VolumeStatusSpec
from talos.resources.enums import VolumePhase

log = logging.getLogger("machined.disk")

EDGE = 1 << 20
_LOCATED = frozenset({VolumePhase.LOCATED, VolumePhase.PROVISIONED, VolumePhase.PREPARED, VolumePhase.READY})


class WipeRefusedError(Exception):
    """The device must not or cannot be wiped; nothing was changed."""


class UnknownDeviceError(LookupError):
    """There is no such block device."""


class Target(Struct, frozen=True):
    """A device to wipe, looked up and found free."""

    name: str
    path: Path
    zeroes: bool
    parent: Path | None
    """the disk of a partition, None for a disk"""
    number: int = 0
    drop: bool = False
    """take the partition out of its disk's table, too"""


async def target(
    node: Node, name: str, *, zeroes: bool, drop: bool, skip_volumes: bool, skip_secondaries: bool
) -> Target:
    """Look a device up by its kernel name ("sda", "sda1"). UnknownDeviceError, WipeRefusedError."""
    name = name.removeprefix("/dev/")
    found = await node.state.get_or_none(DeviceSpec, name)
    if found is None:
        raise UnknownDeviceError(f'blockdevice "{name}" not found')
    device = found.spec
    if device.type not in ("disk", "partition"):
        raise WipeRefusedError(f'blockdevice "{name}" is a {device.type or "device of unknown kind"}, not a disk')
    if drop and device.type == "disk":
        raise WipeRefusedError(f'blockdevice "{name}" is a disk: only a partition can be dropped')
    await _refuse_system_disk(node, name, device)
    await _refuse_medium(node, device.parent or name)
    if device.secondaries and not skip_secondaries:
        raise WipeRefusedError(f'blockdevice "{name}" is used by {", ".join(device.secondaries)}')
    if not skip_volumes:
        await _refuse_volumes(node, name)
    made = Target(
        name=name,
        path=node.env.path(f"/dev/{name}"),
        zeroes=zeroes,
        parent=node.env.path(f"/dev/{device.parent}") if device.type == "partition" else None,
        number=device.partition_number,
        drop=drop,
    )
    _refuse_held(made)
    return made


async def _refuse_system_disk(node: Node, name: str, device: DeviceSpec) -> None:
    system = await node.state.get_or_none(SystemDiskSpec, "system-disk")
    if system is not None and device.type == "disk" and system.spec.disk_id == name:
        raise WipeRefusedError(f'blockdevice "{name}" is the system disk: `talosctl reset` wipes it')


async def _refuse_medium(node: Node, disk: str) -> None:
    found = await node.state.get_or_none(DiskSpec, disk)
    if found is not None and (found.spec.readonly or found.spec.cdrom):
        raise WipeRefusedError(f'blockdevice "{disk}" is {"a CD-ROM" if found.spec.cdrom else "read-only"}')


async def _refuse_volumes(node: Node, name: str) -> None:
    path = f"/dev/{name}"
    for volume in await node.state.list(VolumeStatusSpec):
        where = (volume.spec.location, volume.spec.parent_location, volume.spec.mount_location)
        if volume.spec.phase in _LOCATED and path in where:
            raise WipeRefusedError(f'blockdevice "{name}" is in use by volume "{volume.md.id}"')


def _refuse_held(device: Target) -> None:
    """What only the kernel knows: the device, or a partition of it, is mounted or belongs to something."""
    try:
        os.close(os.open(device.path, os.O_RDWR | os.O_EXCL | os.O_CLOEXEC))
    except OSError as error:
        why = "is in use: unmount what lies on it" if error.errno == errno.EBUSY else f"cannot be opened: {error}"
        raise WipeRefusedError(f'blockdevice "{device.name}" {why}') from error


def wipe(device: Target) -> None:
    """Overwrite, blocking. OSError: the device failed in the middle."""
    with OpenDisk(device.path, writable=True) as opened:
        log.info("wiping %s, %d MiB, %s", device.name, opened.size >> 20, "all of it" if device.zeroes else "its ends")
        if device.zeroes:
            opened.wipe(0, opened.size)
        else:
            opened.wipe(0, min(EDGE, opened.size))
            opened.wipe(max(0, opened.size - EDGE), min(EDGE, opened.size))
        if device.parent is None:
            opened.tell_kernel(Table(uuid.uuid4(), opened.sectors, opened.sector))  # no partition is left
    if device.parent is not None and device.drop:
        with OpenDisk(device.parent, writable=True) as disk:
            disk.write_table(without(disk.table(), device.number))


def without(table: Table, number: int) -> Table:
    """The table without one partition; names may repeat, numbers do not."""
    return replace(table, partitions=tuple(p for p in table.partitions if p.number != number))


async def wipe_all(node: Node, devices: list[Target]) -> None:
    """One after another, then everything is read again: a signature that goes is no event of the kernel."""
    try:
        for device in devices:
            await asyncio.to_thread(wipe, device)
    finally:
        await look_again(node)


async def look_again(node: Node) -> None:
    """Have everything read again."""
    await node.state.modify(DiscoveryRefreshRequestSpec, "refresh", _again)


def _again(spec: DiscoveryRefreshRequestSpec) -> None:
    spec.request += 1
