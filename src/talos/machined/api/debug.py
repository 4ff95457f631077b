"""DebugService: a container of the caller's choice in the node's own namespaces."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from grpclib import GRPCError, Status

from talos.api import machine_pb2
from talos.machined import containerd
from talos.machined.debug_container import DebugContainer, Wanted
from talos.machined.rpc import Call, bidi

Profile = machine_pb2.DebugContainerRunRequestSpec.Profile
MAX_SIGNAL = 64


@bidi("/machine.DebugService/ContainerRun")
async def container_run(
    _call: Call, requests: AsyncIterator[Any]
) -> AsyncIterator[machine_pb2.DebugContainerRunResponse]:
    """The first message says what to run; then input, signals and sizes go in, output and at last the exit code out.
    The container ends with the call."""
    first = await anext(requests, None)
    if first is None or first.WhichOneof("request") != "spec":
        raise GRPCError(Status.INVALID_ARGUMENT, "the first message must say what to run")
    spec = first.spec
    if not spec.image_name:
        raise GRPCError(Status.INVALID_ARGUMENT, "image_name is empty")
    wanted = Wanted(
        image=spec.image_name,
        space=containerd.namespace(spec.containerd.namespace),
        args=list(spec.args),
        env=dict(spec.env),
        tty=spec.tty,
        privileged=spec.profile == Profile.PROFILE_PRIVILEGED,
    )
    async with DebugContainer.started(wanted) as container:
        feeding = asyncio.ensure_future(_feed(container, requests))
        try:
            async for data in container.output():
                yield machine_pb2.DebugContainerRunResponse(stdout_data=data)
            if feeding.done():
                feeding.result()  # what the caller sent was wrong
            yield machine_pb2.DebugContainerRunResponse(exit_code=await container.exit_code())
        finally:
            feeding.cancel()
            await asyncio.gather(feeding, return_exceptions=True)


async def _feed(container: DebugContainer, requests: AsyncIterator[Any]) -> None:
    try:
        async for request in requests:
            match request.WhichOneof("request"):
                case "stdin_data":
                    await container.write(request.stdin_data)
                case "signal":
                    if not 0 < request.signal <= MAX_SIGNAL:
                        raise GRPCError(Status.INVALID_ARGUMENT, f"signal {request.signal} does not exist")
                    await container.signal(request.signal)
                case "term_resize":
                    await container.resize(max(0, request.term_resize.width), max(0, request.term_resize.height))
                case _:
                    raise GRPCError(Status.INVALID_ARGUMENT, "a container runs already")
        await container.close_input()
    except GRPCError:
        await container.signal(9)
        raise
