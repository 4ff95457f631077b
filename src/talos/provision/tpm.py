"""A TPM 2.0 in software for one machine (swtpm(8)), and how QEMU speaks to it.

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

    @property
    def words(self) -> list[str]:
        return [
            "-chardev", f"socket,id=tpm,fd={self.descriptor}",
            "-tpmdev", "emulator,id=tpm0,chardev=tpm", "-device", "tpm-crb,tpmdev=tpm0",
        ]  # fmt: skip


def check() -> None:
    """ProvisionError when there is no such program."""
    if shutil.which(PROGRAM) is None:
        raise ProvisionError(f"{PROGRAM} is not installed on this host: install the package swtpm")


def start(folder: Path) -> Chip:
    """Switch a chip on. OSError, ProvisionError."""
    check()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    ours, theirs = socket.socketpair()
    with theirs:
        process = subprocess.Popen(
            [PROGRAM, "socket", "--tpm2", "--tpmstate", f"dir={folder}",
             "--ctrl", f"type=unixio,clientfd={theirs.fileno()}", "--flags", "not-need-init"],
            stdin=subprocess.DEVNULL, pass_fds=(theirs.fileno(),),
            preexec_fn=lambda: prctl(PR_SET_PDEATHSIG, signal.SIGKILL),
        )  # fmt: skip
    return Chip(process, ours.detach())
