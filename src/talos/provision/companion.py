"""Processes beside a cluster (monitors, its key server, what receives its logs): they outlive the command that starts
them, and end with the cluster."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from talos.linux.process import ProcessId, alive, is_zombie, start_time
from talos.provision.model import ProvisionError, host_port, write_atomic

_END_S = 10.0
_START_S = 20.0


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


def serve(what: str, words: Sequence[str], listens: tuple[str, int], record: Path, log: Path, **more: str) -> None:
    """Start a command of talosctl that listens, and return when it does. ProvisionError.

    The record holds the process and what else is to be kept of it; for `end_recorded`.
    """
    address = host_port(*listens)
    with contextlib.suppress(OSError), socket.create_connection(listens, 1):
        raise ProvisionError(f"{what} cannot listen on {address}: another program does")
    pid = start([sys.executable, "-m", "talos.talosctl.main", *words], log)
    process = ProcessId(pid, start_time(pid))
    write_atomic(record, json.dumps({**process._asdict(), **more}))
    deadline = time.monotonic() + _START_S
    while True:
        with contextlib.suppress(OSError), socket.create_connection(listens, 1):
            return
        if time.monotonic() > deadline or not alive(process):
            text = log.read_text(errors="replace")[-500:].strip()
            raise ProvisionError(f"{what} does not listen on {address}: {text}")
        time.sleep(0.1)


def end_recorded(record: Path) -> None:
    """End what `serve` started, if it runs."""
    try:
        found = json.loads(record.read_text())
        process = ProcessId(found["pid"], found["start_time"])
    except (OSError, ValueError, KeyError, TypeError):
        return
    if alive(process):
        end(process.pid)


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
