"""A machine's TPM: QEMU takes what it is told, and the chip ends with whoever started it."""

from __future__ import annotations

import shutil
import subprocess
import time
from pathlib import Path

import pytest

from talos.provision import qemu, tpm
from talos.provision.model import ProvisionError


@pytest.mark.skipif(not (shutil.which(tpm.PROGRAM) and shutil.which(qemu.PROGRAM)), reason="needs swtpm and QEMU")
@pytest.mark.parametrize(("version", "state"), [(2, "tpm2-*.permall"), (1, "tpm-*.permall")])
def test_qemu_finds_the_chip(tmp_path: Path, version: int, state: str) -> None:
    chip = tpm.start(tmp_path / "chip", version)
    machine = subprocess.Popen(
        [qemu.PROGRAM, "-M", "q35", "-m", "64", "-nodefaults", "-display", "none", "-monitor", "none", *chip.words],
        pass_fds=[chip.descriptor], stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        # The firmware of QEMU itself, which starts at once, initializes the chip: only then is there a state.
        end = time.monotonic() + 60
        while not list((tmp_path / "chip").glob(state)):
            assert machine.poll() is None, machine.stderr and machine.stderr.read()
            assert chip.process.poll() is None and time.monotonic() < end
            time.sleep(0.05)
    finally:
        machine.kill()
        machine.communicate()
        chip.process.kill()
        chip.process.wait()


def test_without_the_program_its_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ProvisionError, match="install the package swtpm"):
        tpm.start(tmp_path / "chip")
    assert not (tmp_path / "chip").exists()
