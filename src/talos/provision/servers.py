"""Small servers of a cluster that are modules of this package: what receives its logs, tells it the time, hands out its
configurations. Each is one process on the bridge, started like a monitor, found by its command line and ended with the
cluster. A module has `main`, which `arguments` tells what it was started with, and says `listening` or `failed`.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from talos.provision import companion
from talos.provision.model import ClusterDirectory, ProvisionError, host_port
from talos.provision.monitor import IMPORTS, INTERPRETER

_START_S = 10.0


def start(directory: ClusterDirectory, module: str, address: str, port: int, log: Path, *, errors: bool = True) -> None:
    """Start a module detached, and return when it listens. errors: whether they go to the log beside its output.
    ProvisionError says what it says."""
    ready, told = os.pipe()
    program = f"{IMPORTS}from {module} import main; main()"
    words = [str(directory.path.parent), directory.name, address, str(port), str(told)]
    with os.fdopen(ready, "rb", buffering=0) as answer:
        try:
            companion.start([*INTERPRETER, program, *words], log, errors=errors, inherited=(told,))
        finally:
            os.close(told)
        if failure := _answer(answer.fileno()):
            raise ProvisionError(f"cannot listen on {host_port(address, port)}: {failure}")


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


def find(directory: ClusterDirectory, module: str) -> Iterator[int]:
    """Processes of a module that serve this cluster."""
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        with contextlib.suppress(OSError):
            words = (entry / "cmdline").read_bytes().split(b"\0")
            mine = [os.fsencode(directory.path.parent), os.fsencode(directory.name)]
            if len(words) > 8 and f"from {module} import".encode() in words[5] and words[6:8] == mine:
                yield int(entry.name)


def kill(directory: ClusterDirectory, module: str) -> None:
    """End them; nothing if there are none."""
    for pid in find(directory, module):
        companion.end(pid)


def arguments() -> tuple[ClusterDirectory, str, int]:
    """What a module was started with: the cluster, and the address and port to listen on."""
    state, name, address, port, _ = sys.argv[1:]
    return ClusterDirectory(Path(state), name), address, int(port)


def listening() -> None:
    """To be said once."""
    told = int(sys.argv[5])
    os.write(told, b"ok")
    os.close(told)


def failed(error: OSError) -> SystemExit:
    """To be raised in place of `listening`."""
    with contextlib.suppress(OSError):
        os.write(int(sys.argv[5]), str(error).encode())
    return SystemExit(1)
