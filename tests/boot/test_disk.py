"""The disk image through UEFI firmware, systemd-boot and the unified kernel image."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from .machine import Machine

pytestmark = pytest.mark.slow
ESP_START = 1 << 20
DISK_BYTES = 10 << 30  # room for STATE and EPHEMERAL


def copy(raw: Path, folder: Path) -> Path:
    """A disk of a machine's own; the image is sparse and stays so."""
    folder.mkdir(parents=True, exist_ok=True)
    disk = folder / "disk.raw"
    subprocess.run(["cp", "--sparse=always", raw, disk], check=True)
    with disk.open("r+b") as file:
        file.truncate(DISK_BYTES)
    return disk


def entries(disk: Path) -> list[str]:
    """File names in EFI/Linux of the boot partition."""
    shown = subprocess.run(
        ["mdir", "-b", "-i", f"{disk}@@{ESP_START}", "::/EFI/Linux"], check=True, capture_output=True, text=True
    )
    return sorted(line.rsplit("/", 1)[-1] for line in shown.stdout.split())


def test_the_disk_image_boots_and_the_boot_is_counted(built: dict[str, Path], tmp_path: Path) -> None:
    disk = copy(built["raw"], tmp_path)
    (before,) = entries(disk)
    assert before.startswith("talos-A-") and before.endswith("+3.efi")
    with Machine(tmp_path, disk=disk) as machine:
        machine.wait_api()
        assert (
            f"the root is read from /EFI/Linux/{before.replace('+3.efi', '+2-1.efi')} on /dev/vda1" in machine.console
        )
    (after,) = entries(disk)
    assert after == before.replace("+3.efi", "+2-1.efi")


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
