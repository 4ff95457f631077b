"""Why a machine ended, told by QEMU itself."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from talos.provision import qemu, qmp

# 16-bit code of a boot sector: `jmp 0xffff:0` restarts the machine; the other writes SLP_EN|S5 to ACPI's PM1a control
# register of q35, which the firmware put to port 0x604.
RESTARTS = bytes.fromhex("ea0000ffff")
SWITCHES_OFF = bytes.fromhex("ba0406b80020ef") + b"\xf4\xeb\xfd"


@pytest.mark.skipif(shutil.which(qemu.PROGRAM) is None, reason="needs QEMU")
@pytest.mark.parametrize(("code", "reason"), [(RESTARTS, qmp.RESTART), (SWITCHES_OFF, "guest-shutdown")])
def test_a_restart_is_told_from_switching_off(tmp_path: Path, code: bytes, reason: str) -> None:
    disk = tmp_path / "disk"
    disk.write_bytes(code.ljust(510, b"\0") + b"\x55\xaa" + bytes(1 << 20))
    monitor = qmp.Monitor()
    spec = qemu.Machine(tmp_path / "console", memory=32, cpus=1, disks=(qemu.Disk(disk),), append=True)
    process = subprocess.Popen([*qemu.command(spec), *monitor.words], pass_fds=[monitor.descriptor])
    os.close(monitor.descriptor)
    try:
        assert monitor.reason() == reason
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.wait()


@pytest.mark.skipif(shutil.which(qemu.PROGRAM) is None, reason="needs QEMU")
def test_a_machine_that_was_ended_says_nothing(tmp_path: Path) -> None:
    monitor = qmp.Monitor()
    command = [*qemu.command(qemu.Machine(tmp_path / "console", memory=32)), *monitor.words]
    with subprocess.Popen(command, pass_fds=[monitor.descriptor]) as process:
        os.close(monitor.descriptor)
        process.kill()
        assert monitor.reason() == ""


def test_nobody_at_the_other_end_is_nothing_said() -> None:
    monitor = qmp.Monitor()
    os.close(monitor.descriptor)
    assert monitor.reason() == ""
