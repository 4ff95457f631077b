"""Files that other programs read: whole or not at all, also when the disk is full."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from talos.controllers.files.etc_file import write as write_etc
from talos.controllers.files_on_disk import write_file
from talos.linux.mount import mount, umount

pytestmark = pytest.mark.root


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """Room for one page more than what is there."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount("tmpfs", disk, "tmpfs", 0, "size=12k")
    yield disk
    umount(disk)


def test_a_secret_that_does_not_fit_leaves_the_old_one(tiny_disk: Path) -> None:
    path = tiny_disk / "ca.key"
    assert write_file(path, b"old")
    with pytest.raises(OSError, match="space"):
        write_file(path, b"x" * 20_000)
    assert path.read_bytes() == b"old"
    assert list(tiny_disk.iterdir()) == [path]


def test_a_file_of_etc_that_does_not_fit_leaves_the_old_one(tiny_disk: Path) -> None:
    path = tiny_disk / "hosts"
    assert write_etc(path, b"old", 0o644)
    with pytest.raises(OSError, match="space"):
        write_etc(path, b"x" * 20_000, 0o644)
    assert path.read_bytes() == b"old"
