"""Disks beside the system's: which names a reset takes, and that nothing of what was on them can be read."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.unit.machined.disk.loop_disk import needs_loop

from talos.linux import gpt
from talos.linux.block import partition_path
from talos.linux.disk_io import OpenDisk
from talos.linux.mount import mount, umount
from talos.machined.disk import filesystem, user_disks
from talos.machined.disk.reset import WipeError
from talos.machined.disk.user_disks import NoUserDiskError

pytestmark = [pytest.mark.slow, needs_loop]
SECRET = b"a secret of somebody's pod "
NOWHERE = Path("/dev/none")


@pytest.fixture
def partitioned(disk: Path) -> Path:
    with OpenDisk(disk, writable=True) as opened:
        opened.write_table(gpt.new(opened.sectors, opened.sector).add("data", 300 << 20, gpt.LINUX_DATA))
        opened.write(64 << 20, SECRET)
        opened.write(opened.size - (2 << 20), SECRET)
    filesystem.make(partition_path(disk, 1), "xfs", "DATA")
    return disk


def test_a_disk_is_overwritten_to_its_end(partitioned: Path) -> None:
    assert user_disks.resolve([str(partitioned), partitioned.name], system=NOWHERE) == (str(partitioned),)
    user_disks.wipe([str(partitioned)])
    with partitioned.open("rb") as file:
        assert not any(any(file.read(1 << 20)) for _ in range(400))
        file.seek(-(3 << 20), os.SEEK_END)
        assert not any(file.read())


def test_a_link_is_followed_and_a_name_that_is_no_user_disk_changes_nothing(tmp_path: Path, partitioned: Path) -> None:
    link = tmp_path / "dev/disk/by-id/x"
    link.parent.mkdir(parents=True)
    link.symlink_to(partitioned)
    (tmp_path / "sys").symlink_to("/sys")
    assert user_disks.resolve(["/dev/disk/by-id/x"], tmp_path, NOWHERE) == (str(partitioned),)
    for name, words in (
        (str(partition_path(partitioned, 1)), "is a partition"),
        ("nosuch", "no such disk"),
        ("/dev/null", "no such disk"),
    ):
        with pytest.raises(NoUserDiskError, match=words):
            user_disks.resolve([str(partitioned), name], system=NOWHERE)
    with pytest.raises(NoUserDiskError, match="is the system disk: --wipe-mode"):
        user_disks.resolve([str(partitioned)], system=partitioned)


def test_one_that_is_in_use_is_left_and_the_others_are_wiped(tmp_path: Path, partitioned: Path) -> None:
    with (tmp_path / "plain").open("wb") as file:  # a file stands for the other disk
        file.write(SECRET)
    where = tmp_path / "mounted"
    where.mkdir()
    mount(str(partition_path(partitioned, 1)), where, "xfs", 0)
    try:
        with pytest.raises(WipeError, match=rf"{partitioned} is not wiped: .*in use: {where}"):
            user_disks.wipe([str(partitioned), str(tmp_path / "plain")])
    finally:
        umount(where)
    assert (tmp_path / "plain").read_bytes() == bytes(len(SECRET))
    with OpenDisk(partitioned) as opened:
        assert opened.read(64 << 20, len(SECRET)) == SECRET
