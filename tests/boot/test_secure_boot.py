"""Secure Boot with our own keys: enrolled by the boot loader, signed boots, unsigned does not."""
from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from talos.imager.boot import artefacts, uki

from .installed import ESP_START, copy, wait
from .machine import ROOT, TALOSCTL, Machine

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif("TALOS_LONG" not in os.environ, reason="minutes under emulation: make test-boot-long"),
]


@pytest.fixture(scope="module")
def signed(built: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A disk image that enrols its keys and is signed with them."""
    keys = tmp_path_factory.mktemp("keys")
    key, certificate = keys / "uki-signing-key.pem", keys / "uki-signing-cert.pem"
    for command in (
        ["uki", "--common-name", "boot test"],
        ["database", "--signing-key", key, "--signing-certificate", certificate, "--enrolled-certificate", certificate],
    ):
        subprocess.run([TALOSCTL, "gen", "secureboot", *command, "--output", keys], check=True, capture_output=True)
    options = artefacts.Options(
        image=ROOT / "_out/image", out=tmp_path_factory.mktemp("signed"), level=1, kinds=("disk",),
        secure_boot=uki.Signing(key, certificate), enrolment=keys)
    return next(path for path in artefacts.build(options) if path.suffix == ".raw")


def test_our_keys_are_enrolled_and_only_what_they_signed_runs(
    signed: Path, built: dict[str, Path], tmp_path: Path
) -> None:
    disk = copy(signed, tmp_path / "signed")
    with Machine(tmp_path / "signed", disk=disk, secure=True) as machine:
        machine.wait_off()  # systemd-boot has enrolled the keys and restarts
    with Machine(tmp_path / "signed", disk=disk, secure=True) as machine:
        machine.wait_console("maintenance mode")
        assert "UEFI Secure Boot is enabled" in machine.console
    # The same firmware, and a disk with the unsigned image.
    unsigned = copy(signed, tmp_path / "unsigned")
    name = subprocess.run(
        ["mdir", "-b", "-i", f"{unsigned}@@{ESP_START}", "::/EFI/Linux"], check=True, capture_output=True, text=True
    ).stdout.strip()
    subprocess.run(["mcopy", "-o", "-i", f"{unsigned}@@{ESP_START}", built["uki"], name], check=True)
    (tmp_path / "unsigned/vars.fd").write_bytes((tmp_path / "signed/vars.fd").read_bytes())
    with Machine(tmp_path / "unsigned", disk=unsigned, secure=True) as machine:
        refusal = re.compile("access denied|security violation", re.IGNORECASE)
        wait(machine, lambda: refusal.search(machine.console), "the firmware says why it does not start the image")
        assert "[stage1]" not in machine.console
