"""A machine's disk in QEMU: the disk image completes itself, and the ISO installs to an empty disk, reboots and answers
with the configuration it was given. Here the EFI partition is the FAT that it is."""

from __future__ import annotations

import json
import os
import subprocess
import time
from pathlib import Path

import pytest

from .machine import BOOT_TIMEOUT_S, TALOSCTL, Machine
from .test_disk import copy, entries

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif("TALOS_LONG" not in os.environ, reason="minutes under emulation: make test-boot-long"),
]
DISK_BYTES = 10 << 30


def partitions(disk: Path) -> list[str]:
    shown = subprocess.run(["/usr/sbin/sfdisk", "--json", disk], check=True, capture_output=True, text=True)
    return [partition["name"] for partition in json.loads(shown.stdout)["partitiontable"]["partitions"]]


def wait_rearmed(disk: Path, timeout_s: float = BOOT_TIMEOUT_S) -> None:
    end = time.monotonic() + timeout_s
    while not all(name.endswith("+3.efi") for name in entries(disk)):
        assert time.monotonic() < end, f"not confirmed: {entries(disk)}"
        time.sleep(2)


def test_a_disk_image_completes_itself_and_confirms_its_boot(built: dict[str, Path], tmp_path: Path) -> None:
    disk = copy(built["raw"], tmp_path)
    with disk.open("r+b") as file:
        file.truncate(DISK_BYTES)
    with Machine(tmp_path, disk=disk) as machine:
        machine.wait_console("system disk /dev/vda")
        machine.wait_api()
        wait_rearmed(disk)
    assert partitions(disk) == ["EFI", "META", "STATE", "EPHEMERAL"]


def test_the_iso_installs_and_the_disk_boots_with_its_configuration(built: dict[str, Path], tmp_path: Path) -> None:
    disk = tmp_path / "disk.raw"
    with disk.open("wb") as file:
        file.truncate(DISK_BYTES)
    with Machine(tmp_path, disk=disk, iso=built["iso"], restart=True) as machine:
        machine.wait_api()
        configs = tmp_path / "configs"
        command = [TALOSCTL, "gen", "config", "boot", "https://10.0.2.15:6443", "-o", configs, "--install-disk"]
        done = subprocess.run([*command, "/dev/vdz"], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        refused = machine.talosctl("apply-config", "--insecure", "-f", str(configs / "controlplane.yaml"))
        assert refused.returncode != 0
        assert "/dev/vda" in refused.stderr  # what this machine has
        subprocess.run([*command, "/dev/vda", "--force"], capture_output=True, text=True, check=True)
        applied = machine.talosctl("apply-config", "--insecure", "-f", str(configs / "controlplane.yaml"))
        assert applied.returncode == 0, applied.stderr
        machine.wait_console("system disk /dev/vda", 2 * BOOT_TIMEOUT_S)
        config = str(configs / "talosconfig")
        end = time.monotonic() + BOOT_TIMEOUT_S
        while (done := machine.talosctl("--talosconfig", config, "version")).returncode != 0:
            assert time.monotonic() < end, f"{done.stderr}: …{machine.console[-3000:]}"
            time.sleep(1)
    assert partitions(disk) == ["EFI", "META", "STATE", "EPHEMERAL"]
    assert entries(disk)[0].startswith("talos-A-")
