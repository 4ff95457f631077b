"""The key server of a cluster whose disks are encrypted with keys of the kind kms: `talosctl kms-launch` on the address
that this host has in the cluster. It keeps nothing but its key, in the cluster folder, and goes with the cluster."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time

from talos.linux.process import ProcessId, alive, start_time
from talos.provision.model import ClusterDirectory, ClusterModel, ProvisionError, write_atomic

PORT = 4050
_START_S = 20.0


def endpoint(gateway: str) -> str:
    """What nodes are told."""
    return f"grpc://{gateway}:{PORT}"


def start(directory: ClusterDirectory, model: ClusterModel) -> None:
    """Returns when it listens. ProvisionError."""
    key = base64.b64encode(os.urandom(32)).decode()
    log = os.open(directory.key_server_log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        child = subprocess.Popen(
            [sys.executable, "-m", "talos.talosctl.main", "kms-launch", "--kms-addr", f"{model.gateway}:{PORT}",
             "--kms-key", key],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, cwd="/",
        )  # fmt: skip
    finally:
        os.close(log)
    child.returncode = 0  # it outlives us: not waited for, and no warning that it is not
    process = ProcessId(child.pid, start_time(child.pid))
    write_atomic(directory.key_server, json.dumps({**process._asdict(), "key": key}))
    end = time.monotonic() + _START_S
    while True:
        with contextlib.suppress(OSError), socket.create_connection((model.gateway, PORT), 1):
            return
        if time.monotonic() > end or not alive(process):
            text = directory.key_server_log.read_text(errors="replace")[-500:].strip()
            raise ProvisionError(f"the key server does not listen on {model.gateway}:{PORT}: {text}")
        time.sleep(0.1)


def kill(directory: ClusterDirectory) -> None:
    """End it, if it runs."""
    try:
        record = json.loads(directory.key_server.read_text())
        process = ProcessId(record["pid"], record["start_time"])
    except (OSError, ValueError, KeyError, TypeError):
        return
    if alive(process):
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(process.pid, 0)
