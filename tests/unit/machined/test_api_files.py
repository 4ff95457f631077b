"""Read and Copy on the node's own socket: nothing that a file system holds may stop machined or fill its memory."""

from __future__ import annotations

import asyncio
import gzip
import io
import os
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from grpclib import GRPCError

from talos.api import machine_pb2
from talos.machined.api import files
from talos.machined.node import Node
from talos.machined.rpc import Call

MakeNode = Callable[..., Node]


async def _copied(node: Node, path: str) -> tarfile.TarFile:
    call = Call(node, "/machine.MachineService/Copy", frozenset())
    data = b"".join([chunk.bytes async for chunk in files.copy(call, machine_pb2.CopyRequest(root_path=path))])
    return tarfile.open(fileobj=io.BytesIO(gzip.decompress(data)))


async def _read(node: Node, path: str) -> bytes:
    call = Call(node, "/machine.MachineService/Read", frozenset())
    return b"".join([chunk.bytes async for chunk in files.read(call, machine_pb2.ReadRequest(path=path))])


async def test_a_folder_is_copied_with_files_links_and_long_names(make_node: MakeNode, tmp_path: Path) -> None:
    node = make_node()
    folder = tmp_path / "data"
    (folder / "deep").mkdir(parents=True)
    content = os.urandom(300_001)
    (folder / "deep" / ("n" * 200)).write_bytes(content)
    (folder / "empty").touch()
    (folder / "link").symlink_to("empty")
    os.mkfifo(folder / "pipe")
    with await _copied(node, "/data") as tar:
        members = {member.name: member for member in tar.getmembers()}
        assert sorted(members) == [".", "deep", "deep/" + "n" * 200, "empty", "link"]
        file = tar.extractfile("deep/" + "n" * 200)
        assert file is not None
        assert file.read() == content
        assert members["link"].linkname == "empty"
    with await _copied(node, "/data/empty") as tar:
        assert tar.getnames() == ["empty"]


async def test_a_large_file_is_copied_in_pieces(make_node: MakeNode, tmp_path: Path) -> None:
    """Others get their turn, and no more than a piece is held."""
    node = make_node()
    with (tmp_path / "large").open("wb") as file:
        for _ in range(64):
            file.write(os.urandom(64 * 1024))
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counter = asyncio.create_task(count())
    call = Call(node, "/machine.MachineService/Copy", frozenset())
    sizes = [len(c.bytes) async for c in files.copy(call, machine_pb2.CopyRequest(root_path="/large"))]
    counter.cancel()
    assert turns > 60
    assert max(sizes) < 4 * files.CHUNK


async def test_a_file_that_shrinks_meanwhile_leaves_a_readable_tar(
    make_node: MakeNode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = make_node()
    (tmp_path / "d").mkdir()
    (tmp_path / "d/a").write_bytes(b"a" * 5000)
    (tmp_path / "d/b").write_bytes(b"b")
    walk = files._walk

    def shrinking(root: Path, depth: int) -> Any:
        for found in walk(root, depth):
            if found[0].name == "a":
                os.truncate(found[0], 10)
            yield found

    monkeypatch.setattr(files, "_walk", shrinking)
    with await _copied(node, "/d") as tar:
        first, second = tar.extractfile("a"), tar.extractfile("b")
        assert first is not None
        assert second is not None
        assert first.read() == b"a" * 10 + bytes(4990)
        assert second.read() == b"b"


@pytest.mark.skipif(not os.access("/proc/kmsg", os.R_OK), reason="needs root, and a kernel log of its own")
async def test_reading_a_file_that_waits_for_more_leaves_the_loop_free(make_node: MakeNode, tmp_path: Path) -> None:
    """/proc/kmsg calls itself a regular file of length 0."""
    node = make_node()
    (tmp_path / "kmsg").symlink_to("/proc/kmsg")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(_read(node, "/kmsg"), 0.3)


async def test_only_regular_files_are_read(make_node: MakeNode, tmp_path: Path) -> None:
    node = make_node()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "file").write_bytes(b"x" * 200_000)
    assert await _read(node, "/file") == b"x" * 200_000
    with pytest.raises(GRPCError, match="path must be a regular file"):
        await _read(node, "/pipe")
    with pytest.raises(GRPCError, match="stat /none: no such file"):
        await _read(node, "/none")


async def test_a_listed_path_begins_at_the_root(make_node: MakeNode, tmp_path: Path) -> None:
    node = make_node()
    (tmp_path / "data").mkdir()
    (tmp_path / "data/a").touch()
    call = Call(node, "/machine.MachineService/List", frozenset())
    for path in ("data", "/data", "//data/", "../data"):
        request = machine_pb2.ListRequest(root=path)
        assert [info.relative_name async for info in files.list_files(call, request)] == [".", "a"]
