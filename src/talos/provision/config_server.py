"""Hands out what machines fetch by HTTP: their configurations (--config-injection-method http), and what they start
over the network (--presets pxe). It answers the addresses of the machines and nobody else, and each configuration goes
to its own machine: they hold the cluster's secrets, and every process of this host reaches the bridge."""

from __future__ import annotations

import os
import shutil
import socket
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from talos.provision import servers
from talos.provision.model import ClusterDirectory, ClusterModel, NodeModel, ProvisionError, host_port

PORT = 4051
PATH, SCRIPT, KERNEL, INITRAMFS = "/config.yaml", "/boot.ipxe", "/kernel", "/initramfs"
_TIMEOUT_S = 30.0


def url(model: ClusterModel) -> str:
    """What every machine is told: the answer is its own."""
    return f"http://{host_port(model.gateway, PORT)}{PATH}"


def start(directory: ClusterDirectory, model: ClusterModel) -> None:
    """Returns when it listens. ProvisionError."""
    try:
        servers.start(directory, __name__, model.gateway, PORT, directory.config_server_log)
    except ProvisionError as error:
        raise ProvisionError(f"the server that machines are told by {error}") from error


def kill(directory: ClusterDirectory) -> None:
    """End it; nothing if there is none."""
    servers.kill(directory, __name__)


def main() -> None:
    """Until it is ended."""
    directory, address, port = servers.arguments()
    try:
        server = serve(directory, address, port)
    except OSError as error:
        raise servers.failed(error) from error
    servers.listening()
    server.serve_forever()


def script(directory: ClusterDirectory, model: ClusterModel, node: NodeModel) -> str:
    """What iPXE runs on a machine: our kernel with the arguments of that machine (ipxe.org/scripting). Pure."""
    from talos.provision.machine import arguments

    # The name again among the arguments: by it the kernel asks the firmware for the file (efi-stub.rst).
    told = f"{model.command_line} {arguments(directory, model, node)}"
    files = f"kernel {KERNEL} initrd=initramfs {told}\ninitrd --name initramfs {INITRAMFS}"
    return f"#!ipxe\n{files}\nboot\n"


def _opened(directory: ClusterDirectory, model: ClusterModel, node: NodeModel, path: str) -> BinaryIO:
    """OSError for what is not there."""
    if path == PATH:
        return directory.node(node.name).user_data.open("rb")
    if model.medium and path == SCRIPT:
        return BytesIO(script(directory, model, node).encode())
    if model.medium and path in (KERNEL, INITRAMFS):
        return Path(model.image if path == KERNEL else model.initramfs).open("rb")
    raise FileNotFoundError(path)


def serve(directory: ClusterDirectory, address: str, port: int) -> ThreadingHTTPServer:
    """Listens. OSError."""
    model = directory.load()
    nodes = {node.address: node for node in model.nodes}

    class Handler(BaseHTTPRequestHandler):
        timeout = _TIMEOUT_S

        def do_GET(self) -> None:
            node = nodes.get(self.client_address[0])
            if node is None:
                self.send_error(403, "this address is no machine of the cluster")
                return
            try:
                file = _opened(directory, model, node, self.path)
            except OSError:
                self.send_error(404)
                return
            with file:
                length = file.seek(0, os.SEEK_END)
                file.seek(0)
                self.send_response(200)
                self.send_header("Content-Length", str(length))
                self.end_headers()
                shutil.copyfileobj(file, self.wfile, 1 << 20)

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        address_family = socket.AF_INET6 if ":" in address else socket.AF_INET

    return Server((address, port), Handler)
