"""The shared inotify instance: each reader sees its own files' changes, one descriptor serves all."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from talos.linux.inotify import IN_CLOSE_WRITE, IN_CREATE, IN_MODIFY, Inotify


def inotify_descriptors() -> int:
    found = 0
    for descriptor in Path("/proc/self/fd").iterdir():
        try:
            found += str(descriptor.readlink()) == "anon_inode:inotify"
        except FileNotFoundError:
            continue
    return found


async def test_readers_share_one_instance_and_see_only_what_they_asked_for(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()
    async with Inotify() as a, Inotify() as b:
        a.add(first, IN_CREATE)
        b.add(second, IN_CREATE)
        b.add(first, IN_CLOSE_WRITE)
        assert inotify_descriptors() == 1
        (first / "x").write_text("1")
        (second / "y").write_text("1")
        seen_a = await asyncio.wait_for(a.__anext__(), 5)
        assert (seen_a.name, seen_a.mask) == ("x", IN_CREATE)
        names = [(await asyncio.wait_for(b.__anext__(), 5)).name for _ in range(2)]
        assert sorted(names) == ["x", "y"]
        assert not a._changes
    assert inotify_descriptors() == 0


async def test_a_reader_that_goes_leaves_the_others_watches_alone(tmp_path: Path) -> None:
    file = tmp_path / "log"
    file.write_text("")
    async with Inotify() as stays:
        stays.add(file, IN_MODIFY)
        async with Inotify() as goes:
            goes.add(file, IN_MODIFY)
        with file.open("a") as handle:
            handle.write("x")
        assert (await asyncio.wait_for(stays.__anext__(), 5)).mask == IN_MODIFY


async def test_a_missing_file_is_an_error_that_names_it_and_leaks_nothing(tmp_path: Path) -> None:
    async with Inotify() as reader:
        with pytest.raises(FileNotFoundError, match="absent"):
            reader.add(tmp_path / "absent", IN_MODIFY)
    assert inotify_descriptors() == 0
