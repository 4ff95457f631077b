"""Upgrade and Rollback as Talos' clients call them, with images from a registry. The file that a slot boots lies in the
image where Talos' installer keeps it (constants.txt): the root image for container nodes, the unified kernel image for
machines."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from grpclib import GRPCError, Status

from talos.api import machine_pb2
from talos.machined import containerd, image_payload, image_transfer, upgrade_history
from talos.machined.api.slots import begin
from talos.machined.rpc import Call, server_stream, unary
from talos.machined.sequencer import LockedError
from talos.machined.sequences import Request
from talos.machined.upgrades import UpgradeError
from talos.slots.entry import Entry


async def _install(call: Call, reference: str, space: str) -> Entry:
    upgrades = call.node.upgrades
    if refused := upgrades.upgrade_refused():
        raise GRPCError(Status.FAILED_PRECONDITION, refused)
    try:
        source = await image_payload.find(reference, space, container=call.node.env.in_container)
        return await upgrades.write(source.chunks(), source.size)
    except (UpgradeError, image_payload.ImagePayloadError) as error:
        raise GRPCError(Status.FAILED_PRECONDITION, str(error)) from error


@unary("/machine.MachineService/Upgrade")
async def upgrade(call: Call, request: Any) -> machine_pb2.UpgradeResponse:
    """Pull, write, and boot; with `stage` by a plain reboot, which drains nothing. STATE and EPHEMERAL are always
    preserved."""
    if refused := call.node.upgrades.upgrade_refused():
        raise GRPCError(Status.FAILED_PRECONDITION, refused)
    if not request.image:
        raise GRPCError(Status.INVALID_ARGUMENT, "no image is named")
    await image_transfer.pull(request.image, containerd.SYSTEM)
    await _install(call, request.image, containerd.SYSTEM)
    kind = upgrade_history.UPGRADE
    asked = Request(kind=kind, source=request.image, force=request.force)
    actor = begin(call, kind, asked, staged=request.stage)
    if request.stage:
        # Talos' clients wait for the node to come back: its own reboots after it has noted what to install.
        try:
            call.node.sequencer.begin("reboot", Request(actor_id=actor))
        except LockedError as error:
            raise GRPCError(Status.FAILED_PRECONDITION, f"{error}; the next reboot tries the new image") from error
    reply = machine_pb2.Upgrade(ack="Upgrade request received", actor_id=actor)
    return machine_pb2.UpgradeResponse(messages=[reply])


@unary("/machine.MachineService/Rollback")
async def rollback(call: Call, _request: Any) -> machine_pb2.RollbackResponse:
    """Boot the other slot, which ran before. Pods are not drained: they are wanted back on this node within seconds."""
    kind = upgrade_history.ROLLBACK
    begin(call, kind, Request(kind=kind, drain_limit_s=-1.0))
    return machine_pb2.RollbackResponse(messages=[machine_pb2.Rollback()])


@server_stream("/machine.LifecycleService/Upgrade")
async def lifecycle_upgrade(call: Call, request: Any) -> AsyncIterator[machine_pb2.LifecycleServiceUpgradeResponse]:
    """Write an image that was pulled before and set it for the next reboot, which is the caller's to ask for."""
    reference = request.source.image_name
    if not reference:
        raise GRPCError(Status.INVALID_ARGUMENT, "no image is named")
    yield _progress(message=f"reading {reference}")
    entry = await _install(call, reference, containerd.namespace(request.containerd.namespace))
    yield _progress(message=f"slot {entry.slot} holds {entry.version}")
    begin(call, upgrade_history.UPGRADE, Request(kind=upgrade_history.UPGRADE, source=reference), staged=True)
    yield _progress(message=f"{entry.version} is set: the next reboot tries it")
    yield _progress(exit_code=0)


def _progress(**what: Any) -> machine_pb2.LifecycleServiceUpgradeResponse:
    return machine_pb2.LifecycleServiceUpgradeResponse(progress=machine_pb2.LifecycleServiceInstallProgress(**what))
