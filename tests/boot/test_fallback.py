"""A slot that does not come up is left unaided: through UEFI firmware and systemd-boot, on a disk that our own
installer wrote. The images arrive as a person sends them, by `talosctl upgrade`; nobody touches the machine after."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from talos.machined.upgrades import NO_WORD

from . import broken
from .installed import ESP_START, Installed, copy, entries, wait
from .machine import Machine

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]
LONG = pytest.mark.skipif("TALOS_LONG" not in os.environ, reason="minutes under emulation: make test-boot-long")
TRIAL_S = 60
PATIENCE_S = 1800.0


def put(disk: Path, source: Path, name: str) -> None:
    command = ["mcopy", "-o", "-i", f"{disk}@@{ESP_START}", source, f"::/EFI/Linux/{name}"]
    subprocess.run(command, check=True, capture_output=True)


def damaged(image: Path, folder: Path) -> Path:
    """A copy with one bit flipped in the middle of its root."""
    copied = folder / "damaged.efi"
    data = bytearray(image.read_bytes())
    data[len(data) // 2] ^= 1
    copied.write_bytes(data)
    return copied


@LONG
def test_a_damaged_slot_is_tried_once_and_the_other_one_comes_up(built: dict[str, Path], tmp_path: Path) -> None:
    disk = copy(built["raw"], tmp_path)
    (good,) = entries(disk)
    version = re.fullmatch(r"talos-A-(.*)\+3\.efi", good)
    assert version is not None
    bad = f"talos-B-{version[1]}+1.efi"
    put(disk, damaged(built["uki"], tmp_path), bad)
    with Machine(tmp_path, disk=disk, restart=True) as machine:
        machine.wait_api(timeout_s=900)
        assert "corrupt" in machine.console
    assert bad.replace("+1.efi", "+0-1.efi") in entries(disk)


def returned(installed: Installed, folder: Path, image: Path, arguments: str = "") -> tuple[str, str]:
    """Upgrade to an image that does not come up, and wait until the old system has said so: (reason, console)."""
    disk = installed.copy(folder)
    with Machine(folder, disk=disk, restart=True, arguments=arguments) as machine:
        installed.until(machine, "version")
        send = ("upgrade", "--image", str(image), "--drain=false", "--wait=false")
        sent = installed.talosctl(machine, *send, timeout_s=900)
        assert sent.returncode == 0, sent.stderr
        last: dict[str, str] = {}

        def decided() -> bool:
            attempts = installed.attempts(machine)
            last.update(attempts[-1] if attempts else {})
            return last.get("outcome") in ("failed", "confirmed", "interrupted")

        wait(machine, decided, "the old system says how the upgrade ended", PATIENCE_S)
        assert last["outcome"] == "failed", last
        assert last["slot"] == "B"
        wait(machine, lambda: re.search(r"talos-A-\S+\+3\.efi", " ".join(entries(disk))), "slot A is armed")
        assert re.search(r"talos-B-\S+\+0-1\.efi", " ".join(entries(disk))), entries(disk)
        refused = installed.talosctl(machine, "rollback", "--wait=false")
        assert "did not come up when it was tried" in refused.stderr
        return last["reason"], machine.console


@pytest.mark.parametrize(
    ("way", "said"),
    [
        ("PANIC", "Kernel panic - not syncing: sysrq"),
        pytest.param("EXIT", "Attempted to kill init", marks=LONG),
        pytest.param("HANG", "", marks=LONG),
    ],
)
def test_an_image_that_breaks_is_left_unaided(installed: Installed, tmp_path: Path, way: str, said: str) -> None:
    reason, console = returned(installed, tmp_path, broken.image(tmp_path, way))
    assert reason == NO_WORD
    _, _, after = console.partition("a broken system begins here")
    assert said in after
    assert after.count("a broken system begins here") == 0  # it was tried once
    assert "the root is read from /EFI/Linux/talos-A-" in after


@LONG
def test_an_image_that_answers_and_is_not_healthy_is_left_with_its_reason(
    built: dict[str, Path], installed: Installed, tmp_path: Path
) -> None:
    """The image is good; on this machine etcd waits for a bootstrap that never comes."""
    reason, _ = returned(installed, tmp_path, built["uki"], f"talos.boot.trial={TRIAL_S}")
    assert reason.startswith(f"not healthy after {TRIAL_S} s: ")
    assert "etcd" in reason or "the machine is booting" in reason
