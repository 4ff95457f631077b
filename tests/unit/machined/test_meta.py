"""META: what is written is published, is on disk when the answer comes, and is refused whole when it does not fit."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from talos.machined import meta
from talos.machined.meta import MAX_BYTES, FileStore, Meta, MetaError
from talos.machined.node import Node
from talos.resources.runtime import MetaKeySpec, MetaLoadedSpec

NodeFactory = Callable[..., Node]


async def published(node: Node) -> dict[str, str]:
    return {found.md.id: found.spec.value for found in await node.state.list(MetaKeySpec)}


async def test_a_value_survives_a_restart_and_is_gone_when_deleted(make_node: NodeFactory, tmp_path: Path) -> None:
    node = make_node()
    await node.meta.load()
    await node.meta.write(0x0A, b"network: {}")
    await node.meta.write(0x0A, "überall".encode())
    await node.meta.write(0x10, b"token")
    assert await published(node) == {"0x0a": "überall", "0x10": "token"}
    again = Meta(node, FileStore(tmp_path / "system/state/meta.json"))
    assert await again.delete(0x0A) is False  # not loaded yet
    await again.load()
    assert await again.delete(0x0A) is True
    assert await published(node) == {"0x10": "token"}
    assert json.loads((tmp_path / "system/state/meta.json").read_text()) == {"0x10": b"token".hex()}
    loaded = await node.state.get_or_none(MetaLoadedSpec, meta.LOADED)
    assert loaded is not None
    assert loaded.spec.done


@pytest.mark.parametrize("key", [0, 0x100, -1])
async def test_a_key_out_of_range_changes_nothing(make_node: NodeFactory, key: int) -> None:
    node = make_node()
    with pytest.raises(MetaError, match="range"):
        await node.meta.write(key, b"x")
    assert await published(node) == {}


async def test_what_does_not_fit_changes_nothing(make_node: NodeFactory) -> None:
    node = make_node()
    await node.meta.write(1, b"a")
    with pytest.raises(MetaError, match="does not fit"):
        await node.meta.write(2, bytes(MAX_BYTES))
    assert await published(node) == {"0x01": "a"}


async def test_a_full_disk_changes_nothing(make_node: NodeFactory, tiny_disk: Path) -> None:
    node = make_node()
    store = Meta(node, FileStore(tiny_disk / "meta.json"))
    await store.write(1, b"a")
    with pytest.raises(MetaError, match="No space left"):
        await store.write(2, bytes(60 * 1024))
    assert await published(node) == {"0x01": "a"}
    assert FileStore(tiny_disk / "meta.json").load() == {1: b"a"}


async def test_a_damaged_file_is_reported_and_does_not_stop_the_node(
    make_node: NodeFactory, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "system/state").mkdir(parents=True)
    (tmp_path / "system/state/meta.json").write_text("{damaged")
    node = make_node()
    await node.meta.load()
    assert "META cannot be read" in caplog.text
    assert await published(node) == {}


async def test_a_node_without_a_place_for_it_says_so(make_node: NodeFactory) -> None:
    with pytest.raises(MetaError, match="no META partition"):
        await Meta(make_node(), None).write(1, b"x")
