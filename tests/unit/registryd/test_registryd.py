"""registryd: follows where the caches are, and serves them."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from talos.controllers.cri.registries_config import CACHE
from talos.imagecache.layout import Cache
from talos.machined.services.registryd import PORT as ASKED
from talos.registryd import main as registryd
from talos.resources.cri import ImageCacheConfigSpec
from talos.state.inmemory import InMemoryState

HOST = "127.0.0.1"
TAG = "/v2/some/thing/manifests/{}?ns=registry.example.org"


def get(port: int, path: str) -> tuple[int, bytes]:
    try:
        with urllib.request.urlopen(f"http://{HOST}:{port}{path}", timeout=10) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


async def until(port: int, path: str, wanted: tuple[int, bytes | None]) -> None:
    """Until that is the answer; None: whatever the body is."""
    while True:
        with contextlib.suppress(urllib.error.URLError):  # not yet
            status, data = await asyncio.to_thread(get, port, path)
            if (status, data if wanted[1] is not None else None) == wanted:
                return
        await asyncio.sleep(0.01)


async def points(state: InMemoryState, *roots: str) -> None:
    await state.modify(ImageCacheConfigSpec, "image-cache", lambda _: ImageCacheConfigSpec(roots=list(roots)))


def test_those_who_ask_it_know_where_it_is() -> None:
    assert registryd.PORT == ASKED and f"http://{registryd.HOST}:{registryd.PORT}" == CACHE


async def test_it_serves_what_the_resource_names_in_that_order(tmp_path: Path) -> None:
    first, second = Cache(tmp_path / "one"), Cache(tmp_path / "two")
    second.keep_manifest("registry.example.org", "some/thing", b'{"config": 2}', "1")
    second.keep_manifest("registry.example.org", "some/thing", b'{"config": 3}', "2")
    first.keep_manifest("registry.example.org", "some/thing", b'{"config": 1}', "1")
    with socket.create_server((HOST, 0)) as free:
        port = free.getsockname()[1]
    state = InMemoryState()
    serving = asyncio.create_task(registryd.serve(state, HOST, port, tmp_path))
    try:
        await until(port, "/healthz", (200, None))
        await until(port, TAG.format(1), (404, None))
        await points(state, "/one", "/two")
        await until(port, TAG.format(1), (200, b'{"config": 1}'))
        await until(port, TAG.format(2), (200, b'{"config": 3}'))
        await points(state, "/two")
        await until(port, TAG.format(1), (200, b'{"config": 2}'))
    finally:
        serving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await serving
