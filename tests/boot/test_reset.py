"""Reset leaves nothing on the disk that opens the cluster: read byte by byte, from outside of the machine."""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from talos.linux.disk_io import OpenDisk
from talos.machined.disk.installer import foreign

from .installed import Installed
from .machine import Machine

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(3600),
    pytest.mark.skipif("TALOS_LONG" not in os.environ, reason="minutes under emulation: make test-boot-long"),
]
_SECRET = re.compile(r"^\s*(?:key|token|secret|secretboxEncryptionSecret|aescbcEncryptionSecret): (\S{16,})$", re.M)
_BLOCK = 16 << 20
_OVERLAP = 1 << 16


def secrets(config: str) -> set[bytes]:
    """Tokens, keys and certificates' keys of a machine configuration, as written and as what base64 stands for."""
    found = {value.encode() for value in _SECRET.findall(config)}
    return found | {base64.b64decode(value) for value in found if b"." not in value and len(value) > 100}


def written(disk: Path) -> Iterator[bytes]:
    """The disk's content in overlapping pieces, without its holes (lseek(2), SEEK_DATA)."""
    fd, at = os.open(disk, os.O_RDONLY), 0
    try:
        while True:
            try:
                at = os.lseek(fd, at, os.SEEK_DATA)
            except OSError:
                return
            end = os.lseek(fd, at, os.SEEK_HOLE)
            while at < end:
                yield os.pread(fd, min(_BLOCK, end - at) + _OVERLAP, at)
                at += _BLOCK
            at = end
    finally:
        os.close(fd)


def lying_on(disk: Path, wanted: set[bytes]) -> set[bytes]:
    return {secret for piece in written(disk) for secret in wanted if secret in piece}


def test_a_reset_machine_keeps_no_secret_and_can_be_installed_anew(installed: Installed, tmp_path: Path) -> None:
    disk = installed.copy(tmp_path)
    known = secrets((installed.configs / "controlplane.yaml").read_text())
    assert len(known) >= 6
    marks = {b"PRIVATE KEY"}
    # Otherwise this shows nothing.
    assert lying_on(disk, known) >= {secret for secret in known if b"-----" not in secret}
    assert lying_on(disk, marks)
    with Machine(tmp_path, disk=disk) as machine:
        installed.until(machine, "version")
        installed.until(machine, "reset", "--graceful=false", "--wait=false")
        machine.wait_off()
    assert lying_on(disk, known | marks) == set()
    with OpenDisk(disk) as opened:
        assert foreign(opened) == ""  # an installer takes it without being told to wipe
