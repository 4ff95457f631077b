"""networkd and timed are healthy as long as they watch resources, and not a moment longer."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from talos.machined.node import Node
from talos.machined.services.timed import Timed
from talos.machined.state_socket import USER_IDS, serve
from talos.resources.time import StatusSpec
from talos.state.remote import RemoteState


async def test_healthy_while_it_watches(
    make_node: Callable[[], Node], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(USER_IDS, "timed", os.getuid())
    node, path = make_node(), tmp_path / "state.sock"
    health = Timed().health(node)
    assert "timed watch no resources" in await health.once()
    async with serve(node.state, path) as node.state_socket:
        assert "timed watch no resources" in await health.once()
        async with RemoteState(path) as process, process.watch(StatusSpec, bootstrap=True) as events:
            await anext(events)
            assert await health.once() == ""
        async with asyncio.timeout(5):
            while await health.once() == "":  # noqa: ASYNC110 - the server learns of the end from the connection
                await asyncio.sleep(0.01)
