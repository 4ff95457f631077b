"""Run as a process by test_adoption: a machined's supervisor with one program, in the folder argv[1].

Prints "PID STARTTIME True" whenever the program has started or was taken over.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from talos.environment import NodeEnvironment
from talos.linux.process import Program
from talos.machined.node import Node
from talos.machined.service import ProgramService
from talos.resources.v1alpha1 import ServiceSpec
from talos.state.inmemory import InMemoryState
from talos.state.watch import EventKind


class Sleeper(ProgramService):
    id = "sleeper"
    cgroup = "test-without-groups"
    configuration = sys.argv[2]

    async def program(self, node: Node) -> Program:
        return Program(["/bin/sleep", "1000"], {}, log=node.logs.path(self.id))

    async def fingerprint(self, node: Node) -> str:
        return self.configuration


async def main() -> None:
    node = Node(NodeEnvironment(root=Path(sys.argv[1])), InMemoryState(), [Sleeper()])
    node.exits.load()
    node.supervisor.start("sleeper")
    writer = asyncio.ensure_future(node.supervisor.publish_forever())
    async with node.state.watch(ServiceSpec, "sleeper") as events:
        async for event in events:
            process = node.supervisor.runner("sleeper").process
            if event.kind is EventKind.CREATED and process is not None:
                print(process.pid, process.start_time, event.resource.spec.running, flush=True)
    await writer


asyncio.run(main())
