"""The disk image through UEFI firmware, systemd-boot and the unified kernel image."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from .installed import copy, entries, partitions, wait_armed
from .machine import Machine

pytestmark = pytest.mark.slow


def test_the_disk_image_boots_and_every_boot_is_counted_and_confirmed(built: dict[str, Path], tmp_path: Path) -> None:
    disk = copy(built["raw"], tmp_path)
    (before,) = entries(disk)
    assert before.startswith("talos-A-") and before.endswith("+3.efi")
    counted = before.replace("+3.efi", "+2-1.efi")
    with Machine(tmp_path, disk=disk) as machine:
        machine.wait_console(f"the root is read from /EFI/Linux/{counted} on /dev/vda1")
        machine.wait_api()
        wait_armed(machine, disk)  # it has its three boots back
        assert "this boot is confirmed" in machine.console  # and PID 1 its peace
    assert partitions(disk) == ["EFI", "META", "STATE", "EPHEMERAL"]  # the image has the first two


def test_a_flipped_bit_in_the_unified_kernel_image_does_not_run(built: dict[str, Path], tmp_path: Path) -> None:
    disk = copy(built["raw"], tmp_path)
    with disk.open("r+b") as file:
        # One bit in the middle of the root, somewhere in the file system that the firmware reads it from.
        file.seek(40 << 20)
        byte = file.read(1)
        file.seek(40 << 20)
        file.write(bytes([byte[0] ^ 4]))
    with Machine(tmp_path, disk=disk) as machine:
        machine.wait_off()
        assert "corrupt" in machine.console


@pytest.mark.skipif("TALOS_LONG" not in os.environ, reason="minutes under emulation: make test-boot-long")
@pytest.mark.parametrize(
    ("driver", "device", "read_from"),
    [
        ("nvme", "/dev/nvme0n1", "on /dev/nvme0n1p1"),
        ("scsi", "/dev/sda", "on /dev/sda1"),
        # Its driver is not among the first stage's: the root stays in memory; the disk is the system's all the same.
        ("ahci", "/dev/sda", "the root stays in memory"),
    ],
)
def test_the_disk_hangs_on_another_bus(
    built: dict[str, Path], tmp_path: Path, driver: str, device: str, read_from: str
) -> None:
    disk = copy(built["raw"], tmp_path)
    with Machine(tmp_path, disk=disk, driver=driver) as machine:
        machine.wait_api()
        assert read_from in machine.console
        assert f"system disk {device}" in machine.console
        wait_armed(machine, disk)
