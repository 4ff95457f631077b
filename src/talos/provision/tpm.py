"""A TPM in software for one machine (swtpm(8)), and how QEMU speaks to it.

Both get one end of a pair of sockets: no name in the file system, whose length would be limited, and no order of
starts. The chip ends with whoever started it; what it keeps lies in its folder."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path

from talos.linux.namespace import PR_SET_PDEATHSIG, prctl
from talos.provision.model import ProvisionError

PROGRAM = "swtpm"


@dataclass(slots=True)
class Chip:
    """words: QEMU's, beside its others. descriptor: what QEMU inherits; the caller closes its own copy."""

    process: subprocess.Popen[bytes]
    descriptor: int
    version: int = 2

    @property
    def words(self) -> list[str]:
        interface = "tpm-crb" if self.version == 2 else "tpm-tis"  # CRB speaks 2.0 only
        return [
            "-chardev", f"socket,id=tpm,fd={self.descriptor}",
            "-tpmdev", "emulator,id=tpm0,chardev=tpm", "-device", f"{interface},tpmdev=tpm0",
        ]  # fmt: skip


def check() -> None:
    """ProvisionError when there is no such program."""
    if shutil.which(PROGRAM) is None:
        raise ProvisionError(f"{PROGRAM} is not installed on this host: install the package swtpm")


def start(folder: Path, version: int = 2) -> Chip:
    """Switch a chip on. version: 2, or 1 for TPM 1.2. OSError, ProvisionError."""
    check()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    ours, theirs = socket.socketpair()
    with theirs:
        process = subprocess.Popen(
            [PROGRAM, "socket", *(["--tpm2"] if version == 2 else []), "--tpmstate", f"dir={folder}",
             "--ctrl", f"type=unixio,clientfd={theirs.fileno()}", "--flags", "not-need-init"],
            stdin=subprocess.DEVNULL, pass_fds=(theirs.fileno(),),
            preexec_fn=lambda: prctl(PR_SET_PDEATHSIG, signal.SIGKILL),
        )  # fmt: skip
    return Chip(process, ours.detach(), version)
