"""Receives the logs that a cluster's nodes send (--with-json-logs): one small process beside the cluster.

It listens on the bridge, where the nodes and nobody else reach it, writes each line with its sender's address to
json-logs.log in the cluster's folder, and is ended with the cluster. It starts like a monitor (talos.provision.monitor)
and is found by its command line as they are.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from talos.provision import companion
from talos.provision.model import ClusterDirectory, ClusterModel, ProvisionError, host_port
from talos.provision.monitor import IMPORTS, INTERPRETER

PORT = 4003
MAX_LINE = 1 << 20
_START_S = 10.0
_PROGRAM = f"{IMPORTS}from talos.provision.log_receiver import main; main()"


def url(model: ClusterModel) -> str:
    """Where the nodes send to."""
    return f"tcp://{host_port(model.gateway, PORT)}/"


def start(directory: ClusterDirectory, model: ClusterModel) -> None:
    """Start it, detached, and wait until it listens. ProvisionError."""
    ready, told = os.pipe()
    arguments = [str(directory.path.parent), directory.name, model.gateway, str(PORT), str(told)]
    with os.fdopen(ready, "rb", buffering=0) as answer:
        try:
            companion.start([*INTERPRETER, _PROGRAM, *arguments], directory.json_logs, errors=False, inherited=(told,))
        finally:
            os.close(told)
        if failure := _answer(answer.fileno()):
            where = host_port(model.gateway, PORT)
            raise ProvisionError(f"--with-json-logs: the receiver cannot listen on {where}: {failure}")


def _answer(ready: int) -> str:
    """ "" once it listens, else what went wrong."""
    os.set_blocking(ready, False)
    deadline = time.monotonic() + _START_S
    text = b""
    while time.monotonic() < deadline:
        try:
            data = os.read(ready, 1000)
        except BlockingIOError:
            time.sleep(0.01)
            continue
        if not data:
            return "" if text == b"ok" else text.decode(errors="replace") or "it ended"
        text += data
    return f"it did not start within {_START_S:.0f} s"


def find(directory: ClusterDirectory) -> Iterator[int]:
    """Processes that receive for this cluster."""
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        with contextlib.suppress(OSError):
            words = (entry / "cmdline").read_bytes().split(b"\0")
            mine = [os.fsencode(directory.path.parent), os.fsencode(directory.name)]
            if len(words) > 8 and b"talos.provision.log_receiver" in words[5] and words[6:8] == mine:
                yield int(entry.name)


def kill(directory: ClusterDirectory) -> None:
    """End it; nothing if there is none."""
    for pid in find(directory):
        companion.end(pid)


def main() -> None:
    """STATE CLUSTER ADDRESS PORT FD: lines go to standard output, that it listens to the descriptor."""
    address, port, told = sys.argv[3], int(sys.argv[4]), int(sys.argv[5])
    try:
        asyncio.run(_serve(address, port, told, sys.stdout.buffer))
    except OSError as error:
        with contextlib.suppress(OSError):
            os.write(told, str(error).encode())
        raise SystemExit(1) from error


async def _serve(address: str, port: int, told: int, out: BinaryIO) -> None:
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
    os.write(told, b"ok")
    os.close(told)
    await server.serve_forever()
