"""storage.StorageService, LVMService and MDService: disks, and removing what lies on them.

What exists is read from the resources. A container node has no block device of its own, so there every request names
something that does not exist, and the answer is NOT_FOUND, as on Talos. This version recognizes neither LVM nor RAID:
there is none to remove on a machine either.
"""

from __future__ import annotations

from typing import Any, NoReturn

from google.protobuf.empty_pb2 import Empty
from grpclib import GRPCError, Status

from talos.api import storage_pb2
from talos.machined.disk import wipe
from talos.machined.rpc import Call, unary
from talos.resources.block import DiskSpec, SystemDiskSpec
from talos.resources.storage import (
    LVMLogicalVolumeStatusSpec,
    LVMPhysicalVolumeStatusSpec,
    LVMVolumeGroupStatusSpec,
    MDArrayStatusSpec,
)

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


@unary("/machine.LVMService/LogicalVolumeRemove")
async def logical_volume_remove(call: Call, request: Any) -> Empty:
    """Remove a logical volume."""
    for volume in await call.node.state.list(LVMLogicalVolumeStatusSpec):
        if (volume.spec.vg_name, volume.spec.name) == (request.volume_group, request.logical_volume):
            _later("removing a logical volume")
    raise GRPCError(Status.NOT_FOUND, f'logical volume "{request.volume_group}/{request.logical_volume}" not found')


@unary("/machine.LVMService/VolumeGroupRemove")
async def volume_group_remove(call: Call, request: Any) -> Empty:
    """Remove a volume group."""
    for group in await call.node.state.list(LVMVolumeGroupStatusSpec):
        if group.spec.name == request.volume_group:
            _later("removing a volume group")
    raise GRPCError(Status.NOT_FOUND, f'volume group "{request.volume_group}" not found')


@unary("/machine.LVMService/PhysicalVolumeRemove")
async def physical_volume_remove(call: Call, request: Any) -> Empty:
    """Remove a physical volume."""
    for volume in await call.node.state.list(LVMPhysicalVolumeStatusSpec):
        if volume.spec.device == request.device:
            _later("removing a physical volume")
    raise GRPCError(Status.NOT_FOUND, f'physical volume "{request.device}" not found')


@unary("/machine.MDService/Destroy")
async def md_destroy(call: Call, request: Any) -> Empty:
    """Stop and destroy a RAID array."""
    for array in await call.node.state.list(MDArrayStatusSpec):
        if request.device in (array.spec.device, array.md.id):
            _later("destroying a RAID array")
    raise GRPCError(Status.NOT_FOUND, f'RAID array "{request.device}" not found')


def _later(what: str) -> NoReturn:
    raise GRPCError(Status.FAILED_PRECONDITION, f"{what} is not carried out by this version of the node")
