"""The key server of a cluster whose disks are encrypted with keys of the kind kms: `talosctl kms-launch` on the address
that this host has in the cluster. It keeps nothing but its key, in the cluster folder, and goes with the cluster."""

from __future__ import annotations

import base64
import os

from talos.provision import companion
from talos.provision.model import ClusterDirectory, ClusterModel, host_port

PORT = 4050


def endpoint(gateway: str) -> str:
    """What nodes are told."""
    return f"grpc://{host_port(gateway, PORT)}"


def start(directory: ClusterDirectory, model: ClusterModel) -> None:
    """Returns when it listens. ProvisionError."""
    key = base64.b64encode(os.urandom(32)).decode()
    address = host_port(model.gateway, PORT)
    words = ["kms-launch", "--kms-addr", address, "--kms-key", key]
    record, log = directory.key_server, directory.key_server_log
    companion.serve("the key server", words, (model.gateway, PORT), record, log, key=key)


def kill(directory: ClusterDirectory) -> None:
    """End it, if it runs."""
    companion.end_recorded(directory.key_server)
