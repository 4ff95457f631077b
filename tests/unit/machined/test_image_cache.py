"""registryd runs while there is a cache of images, and the kubelet waits for it, for a while."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from talos.machined import image_cache
from talos.machined.services import common
from talos.machined.services.common import ImageCacheSettled
from talos.machined.supervisor import ServiceError
from talos.resources.cri import ImageCacheConfigSpec
from talos.resources.enums import ImageCacheStatus
from talos.state.inmemory import InMemoryState


class Services:
    """What was asked for, in order."""

    def __init__(self) -> None:
        self.asked: asyncio.Queue[str] = asyncio.Queue()
        self.denied = False

    def start(self, id: str) -> None:
        self.asked.put_nowait(f"start {id}")
        if self.denied:
            raise ServiceError("the node is going down")

    async def stop(self, id: str) -> None:
        self.asked.put_nowait(f"stop {id}")


def node(*, wanted: bool = True) -> Any:
    config = SimpleNamespace(machine=SimpleNamespace(image_cache=wanted))
    return SimpleNamespace(state=InMemoryState(), supervisor=Services(), config=SimpleNamespace(current=config))


async def say(node: Any, status: ImageCacheStatus, *roots: str) -> None:
    spec = ImageCacheConfigSpec(status=status, roots=list(roots))
    await node.state.modify(ImageCacheConfigSpec, "image-cache", lambda _: spec)


async def test_it_runs_while_there_is_something_to_serve() -> None:
    one = node()
    running = asyncio.create_task(image_cache.run(one))
    try:
        await say(one, ImageCacheStatus.PREPARING, "/a")
        assert await one.supervisor.asked.get() == "start registryd"
        await say(one, ImageCacheStatus.DISABLED)
        assert await one.supervisor.asked.get() == "stop registryd"
        one.supervisor.denied = True
        await say(one, ImageCacheStatus.PREPARING, "/b")
        assert await one.supervisor.asked.get() == "start registryd"
        await say(one, ImageCacheStatus.DISABLED)
        assert await one.supervisor.asked.get() == "stop registryd"
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_the_kubelet_waits_until_it_is_settled(monkeypatch: pytest.MonkeyPatch) -> None:
    assert await ImageCacheSettled().holds(node(wanted=False))
    one = node()
    assert not await ImageCacheSettled().holds(one)
    await say(one, ImageCacheStatus.PREPARING, "/a")
    assert not await ImageCacheSettled().holds(one)
    for status in (ImageCacheStatus.READY, ImageCacheStatus.DISABLED):
        await say(one, status)
        assert await ImageCacheSettled().holds(one)
    await say(one, ImageCacheStatus.PREPARING)
    monkeypatch.setattr(common, "_CACHE_S", 0.01)
    await ImageCacheSettled().wait(one)  # and not for ever
