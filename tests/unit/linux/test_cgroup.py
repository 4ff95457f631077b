"""Control groups of this host, in a group of the test's own that is removed again."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from talos.linux.cgroup import Cgroups, Limits, cpu_shares, cpu_weight

MIB = 1024 * 1024


@pytest.fixture
def name() -> Iterator[str]:
    """A group's name; whatever was made below it is removed."""
    if os.geteuid() != 0:
        pytest.skip("making control groups needs root")
    group = f"talos-unit-test-{os.getpid()}"
    yield group
    for tree in Cgroups().trees:
        for folder in sorted((tree / group).rglob("*"), reverse=True):
            if folder.is_dir():
                folder.rmdir()
        if (tree / group).exists():
            (tree / group).rmdir()


@pytest.mark.parametrize(("millicores", "shares", "weight"), [(0, 0, 0), (1, 2, 1), (500, 512, 20), (1000, 1024, 39)])
def test_a_share_of_a_core_in_both_versions_units(millicores: int, shares: int, weight: int) -> None:
    assert cpu_shares(millicores) == shares
    if millicores:
        assert cpu_weight(millicores) == weight


def test_without_trees_nothing_happens_and_nothing_is_claimed(tmp_path: Path) -> None:
    cgroups = Cgroups(tmp_path)
    assert cgroups.trees == []
    assert cgroups.make("a/b", Limits(memory_max=MIB)) == []
    assert cgroups.procs_files("a") == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.root
def test_a_group_takes_processes_and_its_memory_limit(name: str) -> None:
    cgroups = Cgroups()
    if not cgroups.trees:
        pytest.skip("no control groups are mounted")
    assert [p for p in cgroups.make(f"{name}/inner", Limits(memory_max=64 * MIB)) if "memory.limit" in p] == []
    if cgroups.v2:
        pytest.skip("the root's controllers are the host's to hand down")
    assert int((cgroups.root / "memory" / name / "inner/memory.limit_in_bytes").read_text()) == 64 * MIB
    child = os.fork()
    if child == 0:
        signal.pause()
    try:
        assert cgroups.enter(f"{name}/inner", child) == []
        assert cgroups.processes(f"{name}/inner") == {child}
        assert child not in cgroups.processes(name)
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


@pytest.mark.root
def test_making_a_group_twice_is_no_error(name: str) -> None:
    cgroups = Cgroups()
    first = cgroups.make(name)
    assert cgroups.make(name) == first
