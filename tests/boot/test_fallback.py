"""A slot that does not come up is left unaided: by the loader's counter, after a panic or at PID 1's deadline."""
from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from .machine import Machine
from .test_disk import ESP_START, copy, entries

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif("TALOS_LONG" not in os.environ, reason="minutes under emulation: make test-boot-long"),
]


def put(disk: Path, source: Path, name: str) -> None:
    command = ["mcopy", "-o", "-i", f"{disk}@@{ESP_START}", source, f"::/EFI/Linux/{name}"]
    subprocess.run(command, check=True, capture_output=True)


def test_a_damaged_slot_is_tried_once_and_the_other_one_comes_up(built: dict[str, Path], tmp_path: Path) -> None:
    disk = copy(built["raw"], tmp_path)
    (good,) = entries(disk)
    version = re.fullmatch(r"talos-A-(.*)\+3\.efi", good)
    assert version is not None
    damaged = tmp_path / "damaged.efi"
    data = bytearray(built["uki"].read_bytes())
    data[len(data) // 2] ^= 1
    damaged.write_bytes(data)
    bad = f"talos-B-{version[1]}+1.efi"
    put(disk, damaged, bad)
    with Machine(tmp_path, disk=disk, restart=True, more=["-boot", "menu=off"]) as machine:
        machine.wait_api(timeout_s=900)
        assert "corrupt" in machine.console
    assert bad.replace("+1.efi", "+0-1.efi") in entries(disk)
