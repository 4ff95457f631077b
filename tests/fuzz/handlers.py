"""A node below a temporary folder whose handlers are called directly, with any request."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from pathlib import Path
from typing import Any

from google.protobuf.message import DecodeError
from grpclib import GRPCError

from talos import api, rbac
from talos.environment import NodeEnvironment
from talos.machined import rpc
from talos.machined.node import Node
from talos.state.inmemory import InMemoryState

rpc.load_handlers()
# Not these: they end the node, change the host's links or files, or ask the network.
LEFT_OUT = ("Reboot", "Shutdown", "Reset", "Upgrade", "Install", "Rollback", "TimeCheck", "Time", "PacketCapture",
            "HealthCheck", "Dmesg", "ContainerRun", "Import", "EtcdRecover")  # fmt: skip
METHODS = [
    method for path, method in sorted(rpc.registered().items())
    if path.rpartition("/")[2] not in LEFT_OUT and not path.startswith("/pytalos.")
]  # fmt: skip
MESSAGES_OF_A_STREAM = 50
ANSWER_S = 0.5


class Fuzzed:
    """A node below a temporary folder and the loop that its handlers run in."""

    def __init__(self) -> None:
        self.root = Path(tempfile.mkdtemp(prefix="fuzz-api-"))
        for folder in ("system/state", "var/log", "run/machined", "run/zygote/want", "run/zygote/state", "run/netns"):
            (self.root / folder).mkdir(parents=True)
        self.loop = asyncio.new_event_loop()
        self.node = self.loop.run_until_complete(self._node())

    def close(self) -> None:
        self.loop.run_until_complete(self.loop.shutdown_asyncgens())
        self.loop.close()
        shutil.rmtree(self.root, ignore_errors=True)

    async def _node(self) -> Node:
        env = NodeEnvironment(platform="container", variables={"PLATFORM": "container"}, root=self.root)
        return Node(env, InMemoryState())

    def call(self, method: rpc.Method, data: bytes) -> None:
        try:
            request = api.method_types(method.path).request.FromString(data)
        except DecodeError:
            return
        self.loop.run_until_complete(self._answer(method, request))

    async def _answer(self, method: rpc.Method, request: Any) -> None:
        call = rpc.Call(self.node, method.path, frozenset({rbac.ADMIN}), {}, None)
        try:
            async with asyncio.timeout(ANSWER_S):
                if not method.cardinality.server_streaming:
                    await method.handler(call, request)
                    return
                answers, count = method.handler(call, request), 0
                try:
                    async for _ in answers:
                        count += 1
                        if count >= MESSAGES_OF_A_STREAM:
                            break
                finally:
                    await answers.aclose()
        except (GRPCError, OSError, TimeoutError):
            return
