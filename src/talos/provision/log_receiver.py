"""Receives the logs that a cluster's nodes send (--with-json-logs): one small process beside the cluster.

It listens on the bridge, where the nodes and nobody else reach it, and writes each line with its sender's address to
json-logs.log in the cluster's folder (talos.provision.servers).
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Iterator
from typing import BinaryIO

from talos.provision import servers
from talos.provision.model import ClusterDirectory, ClusterModel, ProvisionError, host_port

PORT = 4003
MAX_LINE = 1 << 20


def url(model: ClusterModel) -> str:
    """Where the nodes send to."""
    return f"tcp://{host_port(model.gateway, PORT)}/"


def start(directory: ClusterDirectory, model: ClusterModel) -> None:
    """Start it, detached, and wait until it listens. ProvisionError."""
    try:
        servers.start(directory, __name__, model.gateway, PORT, directory.json_logs, errors=False)
    except ProvisionError as error:
        raise ProvisionError(f"--with-json-logs: the receiver {error}") from error


def find(directory: ClusterDirectory) -> Iterator[int]:
    """Processes that receive for this cluster."""
    return servers.find(directory, __name__)


def kill(directory: ClusterDirectory) -> None:
    """End it; nothing if there is none."""
    servers.kill(directory, __name__)


def main() -> None:
    """Lines go to standard output."""
    _, address, port = servers.arguments()
    try:
        asyncio.run(_serve(address, port, sys.stdout.buffer))
    except OSError as error:
        raise servers.failed(error) from error


async def _serve(address: str, port: int, out: BinaryIO) -> None:
    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = str(writer.get_extra_info("peername")[0]).encode()
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError), contextlib.closing(writer):
            while True:
                try:
                    line = await reader.readuntil(b"\n")
                except asyncio.LimitOverrunError as error:
                    line = await reader.readexactly(error.consumed) + b"\n"
                out.write(peer + b": " + line)
                out.flush()

    server = await asyncio.start_server(take, address, port, limit=MAX_LINE)
    servers.listening()
    await server.serve_forever()
