"""LifecycleService/Install: put this system, or an image that was pulled before, on a disk of a machine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from grpclib import GRPCError, Status

from talos.api import machine_pb2
from talos.machined.rpc import Call, server_stream


@server_stream("/machine.LifecycleService/Install")
async def install(call: Call, request: Any) -> AsyncIterator[machine_pb2.LifecycleServiceInstallResponse]:
    """The caller asks for the reboot. A disk that holds something is refused: only a configuration may wipe."""
    if call.node.env.in_container:
        raise GRPCError(Status.FAILED_PRECONDITION, "a container node has no disk to install to")
    from talos.machined.disk import installation, start

    if start.record():
        raise GRPCError(Status.FAILED_PRECONDITION, "this machine is installed already: upgrade it, or reset it first")
    disk = request.destination.disk
    if not disk:
        raise GRPCError(Status.INVALID_ARGUMENT, "no disk is named")
    lines: list[str] = []
    try:
        source = await installation.find_source(call.node, request.source.image_name)
        state = call.node.env.path(installation.STATE)
        await asyncio.to_thread(installation.perform, source, Path(disk), state, False, lines.append)
    except installation.Errors as error:
        raise GRPCError(Status.FAILED_PRECONDITION, str(error)) from error
    for line in lines:
        yield _progress(message=line)
    yield _progress(exit_code=0)


def _progress(**what: Any) -> machine_pb2.LifecycleServiceInstallResponse:
    return machine_pb2.LifecycleServiceInstallResponse(progress=machine_pb2.LifecycleServiceInstallProgress(**what))
