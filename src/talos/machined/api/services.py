"""Services: list, start, stop, restart."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

from grpclib import GRPCError, Status

from talos.api import machine_pb2
from talos.machined.rpc import Call, unary
from talos.machined.service import ServiceStatus
from talos.machined.supervisor import ServiceError, health_message, timestamp


@unary("/machine.MachineService/ServiceList")
async def service_list(call: Call, _request: Any) -> machine_pb2.ServiceListResponse:
    """Every service with its history."""
    services = [_info(status) for status in call.node.supervisor.statuses()]
    return machine_pb2.ServiceListResponse(messages=[machine_pb2.ServiceList(services=services)])


@unary("/machine.MachineService/ServiceStart")
async def service_start(call: Call, request: Any) -> machine_pb2.ServiceStartResponse:
    """Start a service that was stopped."""
    await _command(call.node.supervisor.api_start(request.id))
    return machine_pb2.ServiceStartResponse(messages=[machine_pb2.ServiceStart(resp=f'Service "{request.id}" started')])


@unary("/machine.MachineService/ServiceStop")
async def service_stop(call: Call, request: Any) -> machine_pb2.ServiceStopResponse:
    """Stop a service."""
    await _command(call.node.supervisor.api_stop(request.id))
    return machine_pb2.ServiceStopResponse(messages=[machine_pb2.ServiceStop(resp=f'Service "{request.id}" stopped')])


@unary("/machine.MachineService/ServiceRestart")
async def service_restart(call: Call, request: Any) -> machine_pb2.ServiceRestartResponse:
    """Stop and start a service."""
    await _command(call.node.supervisor.api_restart(request.id))
    return machine_pb2.ServiceRestartResponse(
        messages=[machine_pb2.ServiceRestart(resp=f'Service "{request.id}" restarted')]
    )


async def _command(command: Awaitable[None]) -> None:
    try:
        await command
    except ServiceError as error:
        raise GRPCError(Status.UNKNOWN, str(error)) from error


def _info(status: ServiceStatus) -> machine_pb2.ServiceInfo:
    events = [
        machine_pb2.ServiceEvent(msg=event.message, state=str(event.state), ts=timestamp(event.seconds))
        for event in status.events
    ]
    return machine_pb2.ServiceInfo(
        id=status.id,
        state=str(status.state),
        events=machine_pb2.ServiceEvents(events=events),
        health=health_message(status),
    )
