"""Logs of services and of containers, Dmesg."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from grpclib import GRPCError, Status

from talos.api import common_pb2, machine_pb2
from talos.linux.kmsg import records
from talos.machined import containers
from talos.machined.logs import UnknownLogError, read_file
from talos.machined.rpc import Call, server_stream, unary

SYSTEM = "system"
KERNEL_LOG = "kernel"


@server_stream("/machine.MachineService/Logs")
async def logs(call: Call, request: Any) -> AsyncIterator[common_pb2.Data]:
    """A service's log (namespace system), or a container's (namespace k8s.io, driver CRI)."""
    if request.namespace in ("", SYSTEM):
        try:
            chunks = call.node.logs.read(request.id, follow=request.follow, tail_lines=request.tail_lines)
        except (UnknownLogError, ValueError) as error:
            raise GRPCError(Status.UNKNOWN, str(error)) from error  # not NOT_FOUND: as Talos answers
    elif request.namespace == containers.NAMESPACE:
        path = await containers.log_path(request.id)
        chunks = read_file(path, follow=request.follow, tail_lines=request.tail_lines)
    else:
        raise GRPCError(
            Status.INVALID_ARGUMENT,
            f"namespace {request.namespace!r} has no logs: use {SYSTEM} for services, {containers.NAMESPACE} for pods",
        )
    async for chunk in chunks:
        yield common_pb2.Data(bytes=chunk)


@unary("/machine.MachineService/LogsContainers")
async def logs_containers(call: Call, _request: Any) -> machine_pb2.LogsContainersResponse:
    """Ids that Logs takes in namespace system."""
    return machine_pb2.LogsContainersResponse(messages=[machine_pb2.LogsContainer(ids=call.node.logs.ids())])


@server_stream("/machine.MachineService/Dmesg")
async def dmesg(call: Call, request: Any) -> AsyncIterator[common_pb2.Data]:
    """A machine's kernel log. A container node has no kernel of its own: there it is the node's console, because the
    host's kernel log is not the node's to show."""
    if not call.node.env.in_container:
        async for record in records(Path("/dev/kmsg"), follow=request.follow, only_new=request.tail):
            yield common_pb2.Data(bytes=record)
        return
    path = call.node.logs.path(KERNEL_LOG)
    if not path.exists():
        return
    tail = 0 if request.tail and request.follow else -1
    rest = b""
    async for chunk in read_file(path, follow=request.follow, tail_lines=tail):
        lines = (rest + chunk).split(b"\n")
        rest = lines.pop()
        for line in lines:
            yield common_pb2.Data(bytes=_as_kernel_line(line))


def _as_kernel_line(line: bytes) -> bytes:
    """[talos] 2026/11/22 23:50:34 text → the form of a kernel line: facility, level, time, text."""
    parts = line.split(b" ", 3)
    if len(parts) == 4 and parts[0] == b"[talos]" and len(parts[1]) == 10:
        stamp = parts[1].replace(b"/", b"-") + b"T" + parts[2] + b"Z"
        return b"user:    info: [" + stamp + b"]: [talos] " + parts[3] + b"\n"
    return b"user:    info: " + line + b"\n"
