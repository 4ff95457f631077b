"""A process that does nothing but host controllers over the state's socket: networkd and timed."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from talos import service_process
from talos.environment import NodeEnvironment
from talos.state.controller import Controller
from talos.state.controller_runtime import ControllerRuntime
from talos.state.remote import RemoteState


def main(controllers: Sequence[type[Controller]]) -> int:
    """Body of the process, called by the zygote in the forked child."""
    return service_process.run(serve(NodeEnvironment.detect(), controllers))


async def serve(env: NodeEnvironment, controllers: Sequence[type[Controller]]) -> None:
    """Run until cancelled. When machined restarts its state is empty: the runtime wakes every controller then."""
    state = RemoteState(str(env.path(service_process.STATE_SOCKET)))
    try:
        async with ControllerRuntime(state, controllers, env):
            await asyncio.Event().wait()
    finally:
        await state.close()
