"""MetaWrite and MetaDelete."""

from __future__ import annotations

from typing import Any

from grpclib import GRPCError, Status

from talos.api import machine_pb2
from talos.machined.disk.meta_store import STATE_ENCRYPTION
from talos.machined.meta import MetaError
from talos.machined.rpc import Call, unary


@unary("/machine.MachineService/MetaWrite")
async def meta_write(call: Call, request: Any) -> machine_pb2.MetaWriteResponse:
    """Keep a value; it is on disk when this answers."""
    _refuse_reserved(call, request.key)
    try:
        await call.node.meta.write(request.key, request.value)
    except MetaError as error:
        raise GRPCError(Status.INVALID_ARGUMENT, str(error)) from error
    return machine_pb2.MetaWriteResponse(messages=[machine_pb2.MetaWrite()])


@unary("/machine.MachineService/MetaDelete")
async def meta_delete(call: Call, request: Any) -> machine_pb2.MetaDeleteResponse:
    """Forget a value; NOT_FOUND if there is none."""
    _refuse_reserved(call, request.key)
    try:
        found = await call.node.meta.delete(request.key)
    except MetaError as error:
        raise GRPCError(Status.INTERNAL, str(error)) from error
    if not found:
        raise GRPCError(Status.NOT_FOUND, f"META has no key {request.key:#04x}: talosctl get meta lists them")
    return machine_pb2.MetaDeleteResponse(messages=[machine_pb2.MetaDelete()])


def _refuse_reserved(call: Call, key: int) -> None:
    if key == STATE_ENCRYPTION and not call.node.env.in_container:
        raise GRPCError(
            Status.INVALID_ARGUMENT,
            f"key {key:#04x} says how STATE is opened: it follows the configuration (VolumeConfig STATE) at each start",
        )
