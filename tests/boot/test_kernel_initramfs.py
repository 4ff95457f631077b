"""Kernel and initramfs as a netboot server hands them out: the machine comes up and its API answers."""
from __future__ import annotations

import os
from pathlib import Path

import pytest

from .machine import Machine

pytestmark = pytest.mark.slow


def test_a_machine_comes_up_in_maintenance_mode_and_answers(built: dict[str, Path], tmp_path: Path) -> None:
    kernel = (built["kernel"], built["initramfs"], built["cmdline"].read_text().strip())
    with Machine(tmp_path, kernel=kernel) as machine:
        machine.wait_api()
        answer = machine.talosctl("version", "--insecure").stdout
        assert "Go version:  python3.13" in answer
        assert "the node is in maintenance mode" in machine.console
        # What a stranger may not do stays closed.
        refused = machine.talosctl("reboot", "--insecure")
        assert refused.returncode != 0


def damaged(initramfs: Path, folder: Path, share: float) -> Path:
    """A copy with one bit turned at this share of its length."""
    copy = folder / "initramfs"
    data = bytearray(initramfs.read_bytes())
    data[min(int(len(data) * share), len(data) - 1)] ^= 0x10
    copy.write_bytes(data)
    return copy


def never_runs(kernel: tuple[Path, Path, str], folder: Path, reason: str) -> None:
    """The machine restarts (which ends QEMU) without PID 1 having told anybody that it works."""
    with Machine(folder, kernel=kernel) as machine:
        machine.wait_off()
        assert "this boot is confirmed" not in machine.console
        assert reason in machine.console, machine.console[-2000:]


def test_a_flipped_bit_in_the_root_is_found_and_the_machine_restarts(built: dict[str, Path], tmp_path: Path) -> None:
    arguments = built["cmdline"].read_text().strip()
    never_runs((built["kernel"], damaged(built["initramfs"], tmp_path, 1 / 3), arguments), tmp_path, "corrupt")


def test_a_machine_does_not_start_without_the_arguments_of_its_hardening(
    built: dict[str, Path], tmp_path: Path
) -> None:
    arguments = built["cmdline"].read_text().strip().replace("pti=on", "pti=off")
    never_runs((built["kernel"], built["initramfs"], arguments), tmp_path, "without its argument pti=on")


# The tail is the compressed first stage: its checksum fails, the kernel finds no /init and panics.
@pytest.mark.skipif("TALOS_LONG" not in os.environ, reason="a sweep: TALOS_LONG=1, or make test-boot-long")
@pytest.mark.parametrize("share", [0.00005, 0.05, 0.2, 0.45, 0.6, 0.8, 0.85, 0.9, 0.95, 0.9995])
def test_a_flipped_bit_anywhere_is_found(built: dict[str, Path], tmp_path: Path, share: float) -> None:
    arguments = built["cmdline"].read_text().strip()
    initramfs = damaged(built["initramfs"], tmp_path, share)
    with Machine(tmp_path, kernel=(built["kernel"], initramfs, arguments)) as machine:
        machine.wait_off()
        assert "panic" in machine.console or "cannot be started" in machine.console
