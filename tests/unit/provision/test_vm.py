"""`make vm` on a host where something is missing: one line that says what to do."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from talos.provision import firmware, qemu, vm


def run(monkeypatch: pytest.MonkeyPatch, boot: Path, folder: Path) -> int:
    monkeypatch.setattr("sys.argv", ["vm", "--boot", str(boot), "--folder", str(folder)])
    return vm.main()


def test_what_is_missing_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    boot, folder = tmp_path / "boot", tmp_path / "vm"
    assert run(monkeypatch, boot, folder) == 1
    assert "cloud-amd64.raw does not exist; `make artefacts`" in capsys.readouterr().err
    boot.mkdir()
    for name in ("cloud-amd64.raw", "cloud-amd64-kernel"):
        (boot / name).write_bytes(b"x")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert run(monkeypatch, boot, folder) == 1
    assert "install the package qemu-system-x86" in capsys.readouterr().err
    (tmp_path / qemu.PROGRAM).touch(mode=0o755)
    monkeypatch.setattr(firmware, "FOLDERS", (tmp_path / "OVMF",))
    assert run(monkeypatch, boot, folder) == 1
    assert "install the package ovmf" in capsys.readouterr().err
    assert not folder.exists()


def test_a_disk_that_is_there_goes_on_and_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    image = tmp_path / "image.raw"
    image.write_bytes(b"system")
    disk = vm.prepare(tmp_path / "vm", image)
    assert disk.stat().st_size == vm.DISK_GIB << 30 and capsys.readouterr().out == ""
    os.utime(disk, (1, 1))
    with disk.open("r+b") as file:
        file.write(b"SYSTEM")
    os.utime(disk, (1, 1))
    assert vm.prepare(tmp_path / "vm", image) == disk
    assert "older than the image that was built" in capsys.readouterr().out
    with disk.open("rb") as file:
        assert file.read(6) == b"SYSTEM"
