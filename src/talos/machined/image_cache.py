"""registryd runs while the node has a cache of images: the resource that says where it lies starts and stops it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING

from talos.machined.supervisor import ServiceError
from talos.resources.cri import ImageCacheConfigSpec
from talos.state.follow import follow

if TYPE_CHECKING:
    from talos.machined.node import Node

log = logging.getLogger("machined.image_cache")
SERVICE = "registryd"


async def run(node: Node) -> None:
    """Never returns."""
    changed, wanted = asyncio.Event(), False

    def use(spec: ImageCacheConfigSpec | None) -> None:
        nonlocal wanted
        wanted = spec is not None and bool(spec.roots)
        changed.set()

    async def act() -> None:
        while True:
            await changed.wait()
            changed.clear()
            if not wanted:
                await node.supervisor.stop(SERVICE)
                continue
            with contextlib.suppress(ServiceError):  # the node goes down
                node.supervisor.start(SERVICE)

    async with asyncio.TaskGroup() as group:
        group.create_task(act())
        group.create_task(follow(node.state, ImageCacheConfigSpec, "image-cache", use, log))
