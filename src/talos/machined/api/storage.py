"""storage.StorageService, LVMService and MDService: disks, and removing what lies on them.

Disks and partitions are those of the resources, what LVM has on them is read when it is asked for. A container node has
no block device of its own, so there every request names something that does not exist: NOT_FOUND, as on Talos.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from google.protobuf.empty_pb2 import Empty
from grpclib import GRPCError, Status

from talos.api import storage_pb2
from talos.linux import lvm as volumes
from talos.linux import md
from talos.machined.disk import lvm, raid, wipe
from talos.machined.rpc import Call, unary
from talos.resources.block import DeviceSpec, DiskSpec, SystemDiskSpec

_Type = storage_pb2.Disk.DiskType


@unary("/storage.StorageService/Disks")
async def disks(call: Call, _request: Any) -> storage_pb2.DisksResponse:
    """Disks of the machine; none in a container."""
    system = await call.node.state.get_or_none(SystemDiskSpec, "system-disk")
    found = [
        storage_pb2.Disk(
            size=disk.spec.size,
            model=disk.spec.model,
            device_name=disk.spec.dev_path,
            name=disk.md.id,
            serial=disk.spec.serial,
            modalias=disk.spec.modalias,
            uuid=disk.spec.uuid,
            wwid=disk.spec.wwid,
            type=_type(disk.spec),
            bus_path=disk.spec.bus_path,
            system_disk=system is not None and system.spec.disk_id == disk.md.id,
            subsystem=disk.spec.sub_system,
            readonly=disk.spec.readonly,
        )
        for disk in await call.node.state.list(DiskSpec)
    ]
    return storage_pb2.DisksResponse(messages=[storage_pb2.Disks(disks=found)])


def _type(disk: DiskSpec) -> Any:
    if disk.cdrom:
        return _Type.CD
    if disk.transport == "nvme":
        return _Type.NVME
    if disk.transport == "mmc":
        return _Type.SD
    return _Type.HDD if disk.rotational else _Type.SSD


@unary("/storage.StorageService/BlockDeviceWipe")
async def block_device_wipe(call: Call, request: Any) -> storage_pb2.BlockDeviceWipeResponse:
    """Wipe disks or partitions. All are looked up before the first is touched."""
    if not request.devices:
        raise GRPCError(Status.INVALID_ARGUMENT, "no device is named")
    try:
        targets = [
            await wipe.target(
                call.node,
                device.device,
                zeroes=device.method == storage_pb2.BlockDeviceWipeDescriptor.ZEROES,
                drop=device.drop_partition,
                skip_volumes=device.skip_volume_check,
                skip_secondaries=device.skip_secondary_check,
            )
            for device in request.devices
        ]
        await wipe.wipe_all(call.node, targets)
    except wipe.UnknownDeviceError as error:
        raise GRPCError(Status.NOT_FOUND, str(error)) from error
    except wipe.WipeRefusedError as error:
        raise GRPCError(Status.FAILED_PRECONDITION, str(error)) from error
    except OSError as error:
        raise GRPCError(Status.INTERNAL, f"wiping failed and must be repeated: {error}") from error
    return storage_pb2.BlockDeviceWipeResponse(messages=[storage_pb2.BlockDeviceWipe()])


async def _physical_volumes(call: Call) -> list[volumes.Device]:
    """Physical volumes on the disks and partitions of the machine; none in a container."""
    devices = await call.node.state.list(DeviceSpec)
    found = [(device.md.id, call.node.env.path(f"/dev/{device.md.id}")) for device in devices]
    return await asyncio.to_thread(lambda: list(volumes.scan(found)))


async def _remove(call: Call, change: Callable[..., None], *arguments: Any) -> Empty:
    """Carry out a removal; whatever it changed is looked at again."""
    try:
        await asyncio.to_thread(change, *arguments)
    except (volumes.UnknownVolumeError, raid.UnknownArrayError) as error:
        raise GRPCError(Status.NOT_FOUND, str(error)) from error
    except (volumes.VolumeRefusedError, raid.ArrayRefusedError) as error:
        raise GRPCError(Status.FAILED_PRECONDITION, str(error)) from error
    except OSError as error:
        raise GRPCError(Status.INTERNAL, f"removing failed and must be repeated: {error}") from error
    await wipe.look_again(call.node)
    return Empty()


@unary("/machine.LVMService/LogicalVolumeRemove")
async def logical_volume_remove(call: Call, request: Any) -> Empty:
    """Remove a logical volume."""
    devices = await _physical_volumes(call)

    def change() -> None:
        lvm.remove_logical_volume(volumes.group(request.volume_group, devices), request.logical_volume)

    return await _remove(call, change)


@unary("/machine.LVMService/VolumeGroupRemove")
async def volume_group_remove(call: Call, request: Any) -> Empty:
    """Remove a volume group that has no logical volumes."""
    devices = await _physical_volumes(call)
    return await _remove(call, lambda: lvm.remove_volume_group(volumes.group(request.volume_group, devices)))


@unary("/machine.LVMService/PhysicalVolumeRemove")
async def physical_volume_remove(call: Call, request: Any) -> Empty:
    """Remove a physical volume that belongs to no group."""
    return await _remove(call, lvm.remove_physical_volume, request.device, await _physical_volumes(call))


@unary("/machine.MDService/Destroy")
async def md_destroy(call: Call, request: Any) -> Empty:
    """Stop a RAID array, and have its members forget it."""
    # The kernel's arrays are the host's in a container, as its disks are: a node there has none.
    arrays = [] if call.node.env.in_container else md.arrays()
    return await _remove(call, lambda: raid.destroy(raid.find(request.device, arrays), call.node.env.path("/dev")))
