"""A node below a temporary folder: real state, real processes, no mounts and no control groups."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from pathlib import Path

import pytest

from talos.environment import NodeEnvironment
from talos.linux.mount import mount, umount
from talos.machined.node import Node
from talos.machined.service import Service
from talos.state.inmemory import InMemoryState


@pytest.fixture
async def make_node(tmp_path: Path) -> AsyncIterator[Callable[..., Node]]:
    """make_node(services, platform) → a node whose supervisor writes its resources; its programs end with the test."""
    nodes: list[tuple[Node, asyncio.Task[None]]] = []

    def make(services: Iterable[Service] = (), platform: str = "container") -> Node:
        for folder in ("system/state", "var/log", "run/machined", "run/zygote/want", "run/zygote/state"):
            (tmp_path / folder).mkdir(parents=True, exist_ok=True)
        env = NodeEnvironment(platform=platform, variables={"PLATFORM": platform}, root=tmp_path)
        node = Node(env, InMemoryState(), services)
        nodes.append((node, asyncio.ensure_future(node.supervisor.publish_forever())))
        return node

    yield make
    for node, task in nodes:
        await node.supervisor.stop_all()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 KiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    try:
        mount("tmpfs", disk, "tmpfs", 0, "size=64k")
    except OSError as error:
        if error.errno in (errno.EPERM, errno.EACCES):
            pytest.skip("mounting a tmpfs needs root")
        raise
    yield disk
    umount(disk)
