"""Wiping a volume removes what is the node's and nothing that is only mounted there."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

import talos.linux.mount
from talos.machined import tasks


@pytest.mark.root
def test_a_file_system_below_is_unmounted_and_keeps_its_files(tiny_disk: Path, tmp_path: Path) -> None:
    volume = tmp_path / "var"
    (volume / "pods/volume").mkdir(parents=True)
    (volume / "file").touch()
    (tiny_disk / "theirs").touch()
    talos.linux.mount.bind(tiny_disk, volume / "pods/volume")
    tasks._empty(volume)
    assert list(volume.iterdir()) == []
    assert (tiny_disk / "theirs").exists()


@pytest.mark.root
def test_nothing_is_removed_while_something_stays_mounted(tiny_disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tiny_disk / "theirs").touch()

    def refuse(target: str | Path, flags: int = 0) -> None:
        raise OSError(errno.EPERM, "not permitted", str(target))

    with monkeypatch.context() as patch:
        patch.setattr(talos.linux.mount, "umount", refuse)
        with pytest.raises(OSError, match="cannot be unmounted"):
            tasks._empty(tiny_disk.parent)
    assert (tiny_disk / "theirs").exists()
