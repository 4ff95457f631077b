"""One flipped bit in each place of an installed disk: the machine answers, and nothing that was whole is lost."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from talos.linux.disk_io import OpenDisk
from talos.machined.disk import layout, meta_store

from .installed import Installed, entries, wait
from .machine import Machine
from .test_fallback import damaged, put

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(3600),
    pytest.mark.skipif("TALOS_LONG" not in os.environ, reason="minutes under emulation: make test-boot-long"),
]


def partition(disk: OpenDisk, name: str) -> int:
    """Where it begins."""
    found = disk.table().named(name)
    assert found is not None
    return found.first * disk.sector


def flip(disk: Path, where: Callable[[OpenDisk], int]) -> None:
    with OpenDisk(disk, writable=True) as opened:
        at = where(opened)
        opened.write(at, bytes([opened.read(at, 1)[0] ^ 4]))


TABLE = 512 + 24  # in the header of the primary table


def meta(disk: OpenDisk) -> int:
    """In the first of the two copies."""
    return partition(disk, layout.META) + meta_store.offsets(meta_store.PARTITION_BYTES)[0] + 100


def state(disk: OpenDisk) -> int:
    return partition(disk, layout.STATE)


def ephemeral(disk: OpenDisk) -> int:
    return partition(disk, layout.EPHEMERAL)


@pytest.mark.parametrize("where", [lambda _disk: TABLE, meta], ids=["partition table", "META"])
def test_what_is_kept_twice_is_read_from_the_other_copy(
    installed: Installed, tmp_path: Path, where: Callable[[OpenDisk], int]
) -> None:
    disk = installed.copy(tmp_path)
    flip(disk, where)
    with Machine(tmp_path, disk=disk) as machine:
        installed.until(machine, "version")
        assert "system disk /dev/vda" in machine.console


def test_a_damaged_state_is_left_as_it_is_and_opens_the_machine_to_nobody(installed: Installed, tmp_path: Path) -> None:
    """Whom it trusts stands on STATE: in maintenance mode the machine would be anybody's."""
    disk = installed.copy(tmp_path)
    flip(disk, state)
    with Machine(tmp_path, disk=disk) as machine:
        machine.wait_console("STATE is not mounted: ")
        machine.wait_console("first block is damaged")
        machine.wait_console("service[containerd](Running): Health check successful")
        assert machine.talosctl("version", "--insecure").returncode != 0
        assert "maintenance mode" not in machine.console
    flip(disk, state)
    with Machine(tmp_path, disk=disk) as machine:
        installed.until(machine, "version")  # all of it is there again


def test_a_damaged_ephemeral_is_left_as_it_is_and_named_to_the_administrator(
    installed: Installed, tmp_path: Path
) -> None:
    disk = installed.copy(tmp_path)
    flip(disk, ephemeral)
    with Machine(tmp_path, disk=disk) as machine:
        machine.wait_console("EPHEMERAL is not mounted: ")
        wait(machine, lambda: "first block is damaged" in stage(installed, machine), "the machine's status names it")
        assert "etcd" not in installed.until(machine, "service")
    flip(disk, ephemeral)
    with Machine(tmp_path, disk=disk) as machine:
        wait(machine, lambda: "is not mounted" not in stage(installed, machine), "all of it is there again")


def stage(installed: Installed, machine: Machine) -> str:
    return installed.until(machine, "get", "machinestatus", "-o", "yaml")


def test_a_slot_that_was_confirmed_long_ago_is_left_when_it_is_damaged(
    built: dict[str, Path], installed: Installed, tmp_path: Path
) -> None:
    """B ran last, and stands first; A is what ran before."""
    disk = installed.copy(tmp_path)
    (good,) = entries(disk)
    bad = good.replace("talos-A-", "talos-B-")
    put(disk, damaged(built["uki"], tmp_path), bad)
    with Machine(tmp_path, disk=disk, restart=True) as machine:
        installed.until(machine, "version", timeout_s=1200)
        assert machine.console.count("is corrupted") >= 3
        assert "the root is read from /EFI/Linux/talos-A-" in machine.console
    assert bad.replace("+3.efi", "+0-3.efi") in entries(disk)
