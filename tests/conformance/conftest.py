"""Both implementations of the state, and a guard against tasks that outlive their test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.conformance.specs import ThingSpec

from talos.machined.state_socket import FullAccess
from talos.state import InMemoryState, State
from talos.state.remote import RemoteState
from talos.state.socket import StateSocket


@pytest.fixture(autouse=True)
async def no_leaked_task() -> AsyncIterator[None]:
    """A task that a test leaves behind fails it."""
    before = asyncio.all_tasks()
    yield
    for _ in range(20):
        leaked = asyncio.all_tasks() - before - {asyncio.current_task()}
        if not leaked:
            return
        await asyncio.sleep(0.005)
    pytest.fail(f"tasks left behind: {[task.get_name() for task in leaked]}")


@pytest.fixture(params=["in memory", "remote", "remote, followed"])
async def state(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[State]:
    """A state, once as machined has it, as networkd sees it over a real socket, and with the types followed."""
    store = InMemoryState()
    if request.param == "in memory":
        yield store
        return
    path = tmp_path / "state.sock"
    async with StateSocket(store, path, lambda uid: FullAccess()), RemoteState(path) as remote:
        if request.param == "remote, followed":
            remote.follow(ThingSpec)
            remote.follow(ThingSpec, "other")
            await remote.settle()
        yield remote
