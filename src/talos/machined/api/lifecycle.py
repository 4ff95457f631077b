"""Reboot, Shutdown, Reset.

Talos refuses the first two in container mode; ours carries them out there, the provisioner's monitor plays firmware.
"""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

from grpclib import GRPCError, Status

from talos.api import machine_pb2
from talos.machined.rpc import Call, unary
from talos.machined.sequencer import LockedError
from talos.machined.sequences import Request

WIPEABLE = ("STATE", "EPHEMERAL")


def _begin(call: Call, name: str, request: Request) -> None:
    try:
        call.node.sequencer.begin(name, request)
    except LockedError as error:
        raise GRPCError(Status.FAILED_PRECONDITION, str(error)) from error


@unary("/machine.MachineService/Reboot")
async def reboot(call: Call, request: Any) -> machine_pb2.RebootResponse:
    """FORCE skips stopping pods and services; POWERCYCLE is DEFAULT on a node without a machine below it."""
    actor = str(uuid.uuid4())
    _begin(call, "reboot", Request(force=request.mode == machine_pb2.RebootRequest.FORCE, actor_id=actor))
    return machine_pb2.RebootResponse(messages=[machine_pb2.Reboot(actor_id=actor)])


@unary("/machine.MachineService/Shutdown")
async def shutdown(call: Call, request: Any) -> machine_pb2.ShutdownResponse:
    """force: without cordon and drain."""
    actor = str(uuid.uuid4())
    _begin(call, "shutdown", Request(force=request.force, actor_id=actor))
    return machine_pb2.ShutdownResponse(messages=[machine_pb2.Shutdown(actor_id=actor)])


@unary("/machine.MachineService/Reset")
async def reset(call: Call, request: Any) -> machine_pb2.ResetResponse:
    """Wipe volumes: those named, or all. Checked before anything is stopped."""
    labels = tuple(spec.label for spec in request.system_partitions_to_wipe if spec.wipe)
    container = call.node.env.in_container
    wipeable = WIPEABLE if container else ("META", *WIPEABLE)
    unknown = [label for label in labels if label not in wipeable]
    if unknown:
        kind = "container node" if container else "machine"
        raise GRPCError(
            Status.INVALID_ARGUMENT,
            f"volume {', '.join(unknown)} cannot be wiped on a {kind}: it has {', '.join(wipeable)}",
        )
    disks = await _user_disks(call, request, labels)
    only_disks = request.mode == machine_pb2.ResetRequest.USER_DISKS
    if request.graceful and not only_disks and await _only_etcd_member(call):
        raise GRPCError(
            Status.FAILED_PRECONDITION,
            "this node is the only member of etcd: it cannot leave, and the cluster ends with it; nothing was changed. "
            "To reset it all the same use --graceful=false",
        )
    actor = str(uuid.uuid4())
    asked = Request(
        graceful=request.graceful, reboot=request.reboot, wipe=labels, disks=disks, only_disks=only_disks,
        actor_id=actor,
    )  # fmt: skip
    _begin(call, "reset", asked)
    return machine_pb2.ResetResponse(messages=[machine_pb2.Reset(actor_id=actor)])


async def _user_disks(call: Call, request: Any, labels: tuple[str, ...]) -> tuple[str, ...]:
    """The disks beside the system's that are to be wiped, looked up. GRPCError: names and mode contradict each other,
    or there is no such disk."""
    modes, names = machine_pb2.ResetRequest, list(request.user_disks_to_wipe)
    if request.mode == modes.SYSTEM_DISK and names:
        fault = f"wipe mode system-disk leaves user disks alone, and {', '.join(names)} is named"
    elif request.mode == modes.USER_DISKS and labels:
        fault = f"wipe mode user-disks leaves the system alone, and {', '.join(labels)} is named"
    elif request.mode == modes.USER_DISKS and not names:
        fault = "wipe mode user-disks: name the disks (--user-disks-to-wipe)"
    elif names and call.node.env.in_container:
        fault = f"a container node has no disks: {', '.join(names)} cannot be wiped"
    else:
        if not names:
            return ()
        from talos.machined.disk import user_disks

        try:
            return await asyncio.to_thread(user_disks.resolve, names)
        except (user_disks.NoUserDiskError, OSError) as error:
            fault = str(error)
    raise GRPCError(Status.INVALID_ARGUMENT, f"{fault}; nothing was changed")


async def _only_etcd_member(call: Call) -> bool:
    supervisor = call.node.supervisor
    if "etcd" not in supervisor or not supervisor.runner("etcd").status.running:
        return False
    from talos.etcd.membership import is_only_member

    return await is_only_member(call.node.state)


