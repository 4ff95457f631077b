"""One exchange over the state's socket before the first fork, so that the services share what it leaves behind.

Python writes into code the first time it runs it: counters, specialized instructions, caches, classes completed at
first use. In a forked service each such write copies a shared page, and every service talks to the state. Running
server and client once in the zygote leaves those pages in their later form, the same for all. The event loop is
closed, the socket gone and the store dropped before anything is forked.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from talos.machined.state_socket import FullAccess
from talos.resources.network import HostnameStatusSpec
from talos.state.controller import Controller, Input, Output
from talos.state.controller_runtime import ControllerRuntime
from talos.state.inmemory import InMemoryState
from talos.state.remote import RemoteState
from talos.state.resource import Resource
from talos.state.socket import StateSocket

ROUNDS = 12
"""code is specialized after a few runs, not at the first"""
LIMIT_S = 2.0


async def exchange(socket: Path) -> int:
    """Runs a controller on the remote state until it has answered ROUNDS changes; returns the number of reconciles."""

    class Echo(Controller):
        name = "zygote.Echo"
        inputs = (Input(HostnameStatusSpec),)
        outputs = (Output(HostnameStatusSpec),)
        seen = 0

        async def reconcile(self, rt: object) -> None:
            Echo.seen += 1

    store = InMemoryState()
    async with (
        asyncio.timeout(LIMIT_S),
        StateSocket(store, socket, lambda uid: FullAccess()),
        RemoteState(socket) as state,
        ControllerRuntime(state, [Echo]),
    ):
        await state.create(Resource.new(HostnameStatusSpec, "warm", HostnameStatusSpec()))
        for number in range(ROUNDS):
            await change(state, f"node-{number}")
        await state.destroy(HostnameStatusSpec, "warm")
    return Echo.seen


async def change(state: RemoteState, name: str) -> None:
    """One write, and reads until it is seen."""
    await state.modify(HostnameStatusSpec, "warm", lambda _: HostnameStatusSpec(hostname=name))
    await state.wait_for(HostnameStatusSpec, "warm", lambda found: found.spec.hostname == name)
    await state.list(HostnameStatusSpec)
