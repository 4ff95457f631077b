"""Disks and what lies on them, as a container node answers: it has none, so every name is one that is not found."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.empty_pb2 import Empty
from grpclib import GRPCError, Status
from grpclib.client import Channel, UnaryUnaryMethod
from grpclib.server import Server

from talos import rbac
from talos.api import machine_pb2, storage_pb2
from talos.machined import rpc
from talos.machined.node import Node
from talos.resources.block import DiskSpec, SystemDiskSpec
from talos.state import Resource

rpc.load_handlers()
STORAGE = "/storage.StorageService/"


@pytest.fixture
async def served(make_node: Callable[..., Node], tmp_path: Path) -> AsyncIterator[tuple[Node, Channel]]:
    node = make_node()
    server = Server([rpc.MachineApi(node, rbac.allowed)])
    await server.start(path=str(tmp_path / "machine.sock"))
    channel = Channel(path=str(tmp_path / "machine.sock"))
    yield node, channel
    channel.close()
    server.close()
    await server.wait_closed()


async def call(channel: Channel, path: str, request: Any, response: Any, role: str = rbac.ADMIN) -> Any:
    return await UnaryUnaryMethod(channel, path, type(request), response)(request, metadata=[(rpc.ROLE_KEY, role)])


async def test_no_disk_is_one_empty_message(served: tuple[Node, Channel]) -> None:
    """recorded/wire/disks.txt: 0a00."""
    answer = await call(served[1], STORAGE + "Disks", Empty(), storage_pb2.DisksResponse)
    assert answer.SerializeToString() == bytes.fromhex("0a00")


async def test_disks_come_from_the_resources(served: tuple[Node, Channel]) -> None:
    node, channel = served
    for id, spec in (("vda", DiskSpec(dev_path="/dev/vda", size=1 << 30)), ("sr0", DiskSpec(cdrom=True))):
        await node.state.create(Resource.new(DiskSpec, id, spec))
    await node.state.create(Resource.new(SystemDiskSpec, "system-disk", SystemDiskSpec(disk_id="vda")))
    answer = await call(channel, STORAGE + "Disks", Empty(), storage_pb2.DisksResponse)
    found = {disk.name: (disk.device_name, disk.size, disk.system_disk, disk.type) for disk in answer.messages[0].disks}
    assert found == {"vda": ("/dev/vda", 1 << 30, True, 1), "sr0": ("", 0, False, 5)}


@pytest.mark.parametrize(
    ("path", "message", "text"),
    [
        (
            STORAGE + "BlockDeviceWipe",
            storage_pb2.BlockDeviceWipeRequest(devices=[storage_pb2.BlockDeviceWipeDescriptor(device="vda")]),
            'blockdevice "vda" not found',
        ),
        (
            "/machine.LVMService/LogicalVolumeRemove",
            machine_pb2.LVMServiceLogicalVolumeRemoveRequest(volume_group="vg", logical_volume="lv"),
            '"vg" not found',
        ),
        (
            "/machine.LVMService/VolumeGroupRemove",
            machine_pb2.LVMServiceVolumeGroupRemoveRequest(volume_group="vg"),
            '"vg" not found',
        ),
        (
            "/machine.LVMService/PhysicalVolumeRemove",
            machine_pb2.LVMServicePhysicalVolumeRemoveRequest(device="/dev/vda"),
            '"/dev/vda" not found',
        ),
        ("/machine.MDService/Destroy", machine_pb2.MDDestroyRequest(device="md0"), '"md0" not found'),
    ],
)
async def test_nothing_to_remove(served: tuple[Node, Channel], path: str, message: Any, text: str) -> None:
    node, channel = served
    response = storage_pb2.BlockDeviceWipeResponse if path.startswith(STORAGE) else Empty
    assert node.in_maintenance
    for role in (rbac.ADMIN, rbac.READER):  # a node without configuration lets readers do it, too
        with pytest.raises(GRPCError) as caught:
            await call(channel, path, message, response, role)
        assert caught.value.status is Status.NOT_FOUND
        assert text in str(caught.value.message)


async def test_a_wipe_of_nothing_is_no_request(served: tuple[Node, Channel]) -> None:
    request = storage_pb2.BlockDeviceWipeRequest()
    with pytest.raises(GRPCError) as caught:
        await call(served[1], STORAGE + "BlockDeviceWipe", request, storage_pb2.BlockDeviceWipeResponse)
    assert caught.value.status is Status.INVALID_ARGUMENT
