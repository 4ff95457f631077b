"""Events: the past that was asked for, then what happens."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from google.protobuf.any_pb2 import Any as AnyMessage
from grpclib import GRPCError, Status

from talos.api import machine_pb2
from talos.machined.events import EventsLostError
from talos.machined.rpc import Call, server_stream


@server_stream("/machine.MachineService/Events")
async def events(call: Call, request: Any) -> AsyncIterator[machine_pb2.Event]:
    """At most one of tail_events, tail_id and tail_seconds says where to begin.

    Before the events comes an answer without one: what waits for an operation takes the first answer as the sign that
    it listens, asks for the operation only then, and never shows it. Without it such a client loses one event.
    """
    if sum(bool(given) for given in (request.tail_events, request.tail_id, request.tail_seconds)) > 1:
        raise GRPCError(Status.INVALID_ARGUMENT, "only one of tail_events, tail_id and tail_seconds can be given")
    ring = call.node.events
    try:
        position = ring.first_position(request.tail_events, request.tail_id, request.tail_seconds)
    except ValueError as error:
        raise GRPCError(Status.UNKNOWN, str(error)) from error
    yield machine_pb2.Event(id=ring.new_id(), data=AnyMessage())
    try:
        async for event in ring.read(position):
            if request.with_actor_id and event.actor_id != request.with_actor_id:
                continue
            data = AnyMessage(type_url=event.type_url, value=event.payload.SerializeToString())
            yield machine_pb2.Event(id=event.id, actor_id=event.actor_id, data=data)
    except EventsLostError as error:
        raise GRPCError(Status.RESOURCE_EXHAUSTED, str(error)) from error
