"""RAID arrays: what sysfs says, where members keep their superblock, what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from talos.linux import md
from talos.machined.disk import raid
from talos.machined.disk.raid import ArrayRefusedError, UnknownArrayError


@pytest.fixture
def sysfs(tmp_path: Path) -> Path:
    """As the kernel shows an array of two members (Documentation/admin-guide/md.rst)."""
    folder = tmp_path / "sys/class/block/md127/md"
    for member in ("sda1", "cciss!c0d0"):
        (folder / f"dev-{member}").mkdir(parents=True)
    (folder / "metadata_version").write_text("1.2\n")
    (tmp_path / "sys/class/block/sda").mkdir()
    return tmp_path / "sys"


def test_arrays_are_found_by_name_and_path(sysfs: Path) -> None:
    found = md.arrays(sysfs)
    assert found == [md.Array("md127", ("cciss/c0d0", "sda1"), "1.2")]
    assert raid.find("md127", found) is raid.find("/dev/md127", found) is found[0]
    with pytest.raises(UnknownArrayError, match='"/dev/md0" not found: there is md127'):
        raid.find("/dev/md0", found)
    with pytest.raises(UnknownArrayError, match=r'"md0" not found$'):
        raid.find("md0", [])


@pytest.mark.parametrize(
    ("version", "size", "offset"),
    [
        ("0.90", 10 << 20, (10 << 20) - (64 << 10)),
        ("0.90", (10 << 20) + 4096, (10 << 20) - (64 << 10)),
        ("1.0", 10 << 20, (10 << 20) - 8192),
        ("1.0", (10 << 20) + 512, (10 << 20) - 8192),
        ("1.1", 10 << 20, 0),
        ("1.2", 10 << 20, 4096),
        ("1.2", 4096, None),
        ("0.90", 4096, None),
        ("external:imsm", 10 << 20, None),
        ("none", 10 << 20, None),
    ],
)
def test_places_of_the_superblock(version: str, size: int, offset: int | None) -> None:
    """md(4): 0.90 in the last 64 KiB to 128 KiB, 1.0 8 KiB to 12 KiB from the end, 1.2 4 KiB from the start."""
    assert md.superblock_offset(version, size) == offset


def test_what_the_kernel_does_not_stop_keeps_its_superblocks(tmp_path: Path) -> None:
    """A file is no array: the kernel refuses, and nothing was written before it was asked."""
    member = bytes(4096) + md.MAGIC + bytes(1 << 20)
    (tmp_path / "sda1").write_bytes(member)
    (tmp_path / "md0").write_bytes(b"")
    with pytest.raises(ArrayRefusedError, match='"md0" cannot be stopped'):
        raid.destroy(md.Array("md0", ("sda1",), "1.2"), tmp_path)
    assert (tmp_path / "sda1").read_bytes() == member
    with pytest.raises(ArrayRefusedError, match=r"metadata of version external:imsm: not supported"):
        raid.destroy(md.Array("md0", ("sda1",), "external:imsm"), tmp_path)


def test_members_forget_a_stopped_array(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what is a superblock is overwritten. The kernel's part needs an array: stopping is left out here."""
    monkeypatch.setattr(md, "stop", lambda _path: None)
    (tmp_path / "sda1").write_bytes(b"a" * 4096 + md.MAGIC + b"b" * (1 << 20))
    (tmp_path / "sdb1").write_bytes(b"c" * (1 << 20))
    raid.destroy(md.Array("md0", ("sda1", "sdb1"), "1.2"), tmp_path)
    found = (tmp_path / "sda1").read_bytes()
    assert (found[:4096], found[4096:8192], found[8192:]) == (b"a" * 4096, bytes(4096), b"b" * ((1 << 20) - 4092))
    assert (tmp_path / "sdb1").read_bytes() == b"c" * (1 << 20)
