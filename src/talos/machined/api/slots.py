"""SlotService: ours. An image pushed through the API, what an upgrade would find, and booting the other slot."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from typing import Any

from grpclib import GRPCError, Status

from talos.api import pytalos_slots_pb2 as pb
from talos.machined import upgrade_history
from talos.machined.rpc import Call, client_stream, unary
from talos.machined.sequencer import LockedError
from talos.machined.sequences import Request
from talos.machined.upgrades import UpgradeError
from talos.slots.entry import Entry


def _message(call: Call, entry: Entry) -> pb.Slot:
    try:
        size = call.node.upgrades.folder.file(entry).stat().st_size
    except OSError:
        size = 0
    left = -1 if entry.left is None else entry.left
    return pb.Slot(slot=entry.slot, version=entry.version, boots_left=left, size=size)


@unary("/pytalos.slots.SlotService/Plan")
async def plan(call: Call, _request: Any) -> pb.PlanResponse:
    """Changes nothing."""
    upgrades = call.node.upgrades
    response = pb.PlanResponse(
        upgrade_refused=upgrades.upgrade_refused(),
        rollback_refused=upgrades.rollback_refused(),
        free=upgrades.free_bytes(),
    )
    if (booted := upgrades.booted) is not None:
        response.booted.CopyFrom(_message(call, booted))
    if (other := upgrades.other) is not None:
        response.other.CopyFrom(_message(call, other))
    if call.node.config.current is not None:
        from talos.kubernetes.drain import pods_to_move

        try:
            response.pods.extend(await pods_to_move(call.node.state, call.node.env))
        except Exception as error:
            response.pods.append(f"not known: {error or type(error).__name__}")
    return response


@client_stream("/pytalos.slots.SlotService/Write")
async def write(call: Call, requests: AsyncIterator[Any]) -> pb.WriteResponse:
    """Header, then the image in chunks."""
    first = await anext(requests, None)
    if first is None or first.WhichOneof("request") != "header":
        raise GRPCError(Status.INVALID_ARGUMENT, "the first message must be the header: size and sha256 of the image")

    async def chunks() -> AsyncIterator[bytes]:
        async for request in requests:
            yield request.chunk

    if not first.header.size or len(first.header.sha256) != 32:
        raise GRPCError(Status.INVALID_ARGUMENT, "the header must say the image's size and sha256")
    try:
        entry = await call.node.upgrades.write(chunks(), first.header.size, first.header.sha256)
    except UpgradeError as error:
        raise GRPCError(Status.FAILED_PRECONDITION, str(error)) from error
    return pb.WriteResponse(written=_message(call, entry))


@unary("/pytalos.slots.SlotService/Boot")
async def boot(call: Call, request: Any) -> pb.BootResponse:
    """Answers when it is begun; the sequence's events carry the actor."""
    kind = upgrade_history.ROLLBACK if request.rollback else upgrade_history.UPGRADE
    actor = begin(
        call,
        kind,
        Request(kind=kind, source=request.source, force=request.force, drain_limit_s=request.drain_timeout),
        staged=request.staged,
    )
    other = call.node.upgrades.other
    assert other is not None
    return pb.BootResponse(actor_id=actor, slot=_message(call, other))


def begin(call: Call, kind: str, request: Request, *, staged: bool = False) -> str:
    """Boot the other slot now, or set it for the next reboot; the sequence's actor. FAILED_PRECONDITION."""
    upgrades = call.node.upgrades
    rollback = kind == upgrade_history.ROLLBACK
    if refused := upgrades.rollback_refused() if rollback else upgrades.upgrade_refused():
        raise GRPCError(Status.FAILED_PRECONDITION, refused)
    if upgrades.other is None:
        raise GRPCError(Status.FAILED_PRECONDITION, "the other slot is empty: write an image to it first")
    actor = str(uuid.uuid4())
    try:
        if staged:
            upgrades.arm(kind, request.source, staged=True)
        else:
            from msgspec.structs import replace

            call.node.sequencer.begin("upgrade", replace(request, actor_id=actor))
    except (UpgradeError, LockedError) as error:
        raise GRPCError(Status.FAILED_PRECONDITION, str(error)) from error
    return actor
