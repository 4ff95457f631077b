"""What is on each device: a filesystem, a partition table and the partitions that it names.

A device is read again when the kernel says that it changed, and all are when somebody asks (DiscoveryRefreshRequest):
a filesystem that was just made is no event.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from talos.controllers.publish import publish
from talos.linux import block, gpt, superblock
from talos.linux.disk_io import OpenDisk
from talos.resources.block import (
    DeviceSpec,
    DiscoveredVolumeSpec,
    DiscoveryRefreshRequestSpec,
    DiscoveryRefreshStatusSpec,
)
from talos.state.controller import EXCLUSIVE, Controller, Input, Output
from talos.state.runtime import Runtime

ID = "refresh"


def probe(path: Path, sector: int) -> tuple[superblock.Superblock | None, gpt.Table | None]:
    """Format and partition table of a device; neither for a drive without a medium."""
    try:
        with OpenDisk(path) as disk:
            try:
                return None, gpt.parse(disk.read, disk.size // sector, sector)
            except gpt.TableError:
                return superblock.probe(disk.read), None
    except OSError:
        return None, None  # gone, or a broken sector: nothing is known of it


def volume(
    device: block.BlockDevice, found: superblock.Superblock | None, own: gpt.Table | None, parent: gpt.Table | None
) -> DiscoveredVolumeSpec:
    """One device's resource; parent is the table that a partition is in."""
    spec = DiscoveredVolumeSpec(
        dev_path=f"/dev/{device.name}",
        type="partition" if device.is_partition else "disk",
        device_path=device.path,
        parent=device.parent,
        parent_dev_path=f"/dev/{device.parent}" if device.parent else "",
        size=device.size,
        pretty_size=block.size_text(device.size),
        sector_size=device.sector_size,
        io_size=device.io_size,
    )
    if own is not None:
        spec.name, spec.uuid = "gpt", str(own.disk)
    elif found is not None:
        spec.name, spec.uuid, spec.label = found.name, found.uuid, found.label
        spec.block_size, spec.filesystem_block_size = found.block_size, found.filesystem_block_size
        spec.probed_size = found.size
    if parent is not None and (partition := parent.numbered(device.partition)) is not None:
        spec.offset = partition.first * parent.sector
        spec.partition_index = partition.number
        spec.partition_uuid, spec.partition_type = str(partition.id), str(partition.type)
        spec.partition_label = partition.name
    return spec


class DiscoveryController(Controller):
    name = "block.DiscoveryController"
    inputs = (Input(DeviceSpec), Input(DiscoveryRefreshRequestSpec))
    outputs = (Output(DiscoveredVolumeSpec, EXCLUSIVE), Output(DiscoveryRefreshStatusSpec, EXCLUSIVE))

    def __init__(self) -> None:
        self._probed: dict[str, tuple[int, superblock.Superblock | None, gpt.Table | None]] = {}
        self._refreshed = 0

    async def reconcile(self, rt: Runtime) -> None:
        requests = await rt.list(DiscoveryRefreshRequestSpec)
        request = max((resource.spec.request for resource in requests), default=0)
        if request != self._refreshed:
            self._probed.clear()
        devices = await rt.list(DeviceSpec)
        for resource in devices:
            generation = resource.spec.generation
            if self._probed.get(resource.id, (None,))[0] != generation:
                known = await asyncio.to_thread(self._probe, rt.env.path("/sys"), rt.env.path("/dev"), resource.id)
                self._probed[resource.id] = (generation, *known)
        desired = {}
        for resource in devices:
            try:
                device = block.device(rt.env.path("/sys"), resource.id)
            except (OSError, ValueError):
                continue
            _, found, table = self._probed[resource.id]
            parent = self._probed.get(device.parent, (0, None, None))[2]
            desired[resource.id] = volume(device, found, table, parent)
        self._probed = {name: known for name, known in self._probed.items() if name in desired}
        await publish(rt, DiscoveredVolumeSpec, desired)
        if request != self._refreshed:
            self._refreshed = request
            status = DiscoveryRefreshStatusSpec(request=request)
            await rt.modify(DiscoveryRefreshStatusSpec, requests[0].id, lambda _old: status)

    @staticmethod
    def _probe(sysfs: Path, dev: Path, name: str) -> tuple[superblock.Superblock | None, gpt.Table | None]:
        try:
            device = block.device(sysfs, name)
        except (OSError, ValueError):
            return None, None
        return probe(dev / name, device.sector_size)
