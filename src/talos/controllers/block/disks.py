"""Disks: whole devices that something can be installed on, with what people choose them by."""

from __future__ import annotations

import asyncio

from talos.controllers.publish import publish
from talos.linux import block
from talos.resources.block import DeviceSpec, DiskSpec, SymlinkSpec
from talos.state.controller import EXCLUSIVE, Controller, Input, Output
from talos.state.runtime import Runtime


def spec(device: block.BlockDevice, symlinks: list[str]) -> DiskSpec:
    """One disk's resource."""
    return DiskSpec(
        dev_path=f"/dev/{device.name}",
        size=device.size,
        pretty_size=block.size_text(device.size),
        io_size=device.io_size,
        sector_size=device.sector_size,
        readonly=device.readonly,
        cdrom=device.cdrom,
        model=device.model,
        firmware_version=device.firmware,
        serial=device.serial,
        modalias=device.modalias,
        wwid=device.wwid,
        uuid=device.uuid,
        bus_path=device.bus_path,
        sub_system=device.subsystem,
        transport=device.transport,
        rotational=device.rotational,
        secondary_disks=list(device.secondaries),
        symlinks=symlinks,
    )


class DisksController(Controller):
    name = "block.DisksController"
    inputs = (Input(DeviceSpec), Input(SymlinkSpec))
    outputs = (Output(DiskSpec, EXCLUSIVE),)

    async def reconcile(self, rt: Runtime) -> None:
        links = {resource.id: list(resource.spec.paths) for resource in await rt.list(SymlinkSpec)}
        desired = {}
        for resource in await rt.list(DeviceSpec):
            if resource.spec.type != "disk":
                continue
            try:
                device = await asyncio.to_thread(block.device, rt.env.path("/sys"), resource.id)
            except (OSError, ValueError):
                continue  # gone; its resource follows
            desired[resource.id] = spec(device, links.get(resource.id, []))
        await publish(rt, DiskSpec, desired)
