"""A machine that is too small hears of it in its log; a container is not measured by its host."""

from __future__ import annotations

import logging
from collections.abc import Callable

import pytest

from talos.machined import tasks
from talos.machined.node import Node
from talos.machined.sequences import Request


@pytest.mark.parametrize(("mebibytes", "warned"), [(600, True), (960, False)])
async def test_memory(
    make_node: Callable[..., Node], caplog: pytest.LogCaptureFixture, mebibytes: int, warned: bool
) -> None:
    node = make_node(platform="metal")
    path = node.env.path("/proc/meminfo")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"MemTotal: {mebibytes << 10} kB\nMemFree: 1 kB\n")
    with caplog.at_level(logging.WARNING):
        await tasks.memorySizeCheck(node, Request())
    assert ("a worker node should have 1024" in caplog.text) is warned


async def test_a_container_is_not_measured(make_node: Callable[..., Node], caplog: pytest.LogCaptureFixture) -> None:
    await tasks.memorySizeCheck(make_node(), Request())  # there is no /proc/meminfo below its root
    await tasks.diskSizeCheck(make_node(), Request())
    assert not caplog.records
