"""The key server of a cluster whose disks are encrypted with keys of the kind kms: `talosctl kms-launch` on the address
that this host has in the cluster. It keeps nothing but its key, in the cluster folder, and goes with the cluster."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import socket
import sys
import time

from talos.linux.process import ProcessId, alive, start_time
from talos.provision import companion
from talos.provision.model import ClusterDirectory, ClusterModel, ProvisionError, host_port, write_atomic

PORT = 4050
_START_S = 20.0


def endpoint(gateway: str) -> str:
    """What nodes are told."""
    return f"grpc://{host_port(gateway, PORT)}"


def start(directory: ClusterDirectory, model: ClusterModel) -> None:
    """Returns when it listens. ProvisionError."""
    key = base64.b64encode(os.urandom(32)).decode()
    address = host_port(model.gateway, PORT)
    command = [sys.executable, "-m", "talos.talosctl.main", "kms-launch", "--kms-addr", address, "--kms-key", key]
    pid = companion.start(command, directory.key_server_log)
    process = ProcessId(pid, start_time(pid))
    write_atomic(directory.key_server, json.dumps({**process._asdict(), "key": key}))
    end = time.monotonic() + _START_S
    while True:
        with contextlib.suppress(OSError), socket.create_connection((model.gateway, PORT), 1):
            return
        if time.monotonic() > end or not alive(process):
            text = directory.key_server_log.read_text(errors="replace")[-500:].strip()
            raise ProvisionError(f"the key server does not listen on {address}: {text}")
        time.sleep(0.1)


def kill(directory: ClusterDirectory) -> None:
    """End it, if it runs."""
    try:
        record = json.loads(directory.key_server.read_text())
        process = ProcessId(record["pid"], record["start_time"])
    except (OSError, ValueError, KeyError, TypeError):
        return
    if alive(process):
        companion.end(process.pid)
