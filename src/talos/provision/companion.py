"""Processes beside a cluster (monitors, its key server, what receives its logs): they outlive the command that starts
them, and end with the cluster."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from talos.linux.process import is_zombie

_END_S = 10.0


def start(command: Sequence[str], log: Path, *, errors: bool = True, inherited: Sequence[int] = ()) -> int:
    """Its pid. Standard output, and errors if they are wanted, are appended to a file that only root reads. OSError."""
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output if errors else subprocess.DEVNULL,
            start_new_session=True,
            pass_fds=inherited,
            cwd="/",
            env={"PATH": os.environ.get("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")},
        )
    finally:
        os.close(output)
    child.returncode = 0  # it outlives us: not waited for, and no warning that it is not
    return child.pid


def gone(pid: int) -> bool:
    """Whether a process has ended; it may still wait for its parent, or the host's PID 1, to take notice."""
    return is_zombie(pid) or not Path(f"/proc/{pid}").exists()


def end(pid: int) -> None:
    """Returns when it is gone, or after a while."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + _END_S
    while time.monotonic() < deadline:
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)
        if gone(pid):
            return
        time.sleep(0.02)
