"""A file is replaced whole or not at all, also on a full disk (a real one: a tiny tmpfs)."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from talos.machined import durable


def test_the_new_content_replaces_the_old_and_nothing_else_stays(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    durable.write(path, b"old")
    durable.write(path, b"new", 0o640)
    assert path.read_bytes() == b"new" and path.stat().st_mode & 0o777 == 0o640
    assert list(tmp_path.iterdir()) == [path]
    durable.remove(path)
    durable.remove(path)
    assert not list(tmp_path.iterdir())


@pytest.mark.root
def test_a_full_disk_changes_nothing(tiny_disk: Path) -> None:
    path = tiny_disk / "config.yaml"
    durable.write(path, b"old")
    with pytest.raises(OSError) as caught:
        durable.write(path, b"x" * 200_000)
    assert caught.value.errno == errno.ENOSPC
    assert path.read_bytes() == b"old" and list(tiny_disk.iterdir()) == [path]
