"""Starting, finding and ending the monitors of a cluster."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from talos.linux.process import ProcessId, alive
from talos.provision import companion
from talos.provision.model import ClusterDirectory, NodeModel
from talos.provision.monitor import INTERPRETER, PROGRAM


@dataclass(frozen=True, slots=True)
class MonitorStatus:
    """What a monitor last reported. alive says whether it still runs, whatever it reported."""

    pid: int
    start_time: int
    state: str
    status: int | None
    boots: int
    init_pid: int
    since: float
    alive: bool


def start(directory: ClusterDirectory, node: NodeModel) -> None:
    """Start a node's monitor, detached: own session, own log, no open file of ours."""
    arguments = [str(directory.path.parent), directory.name, node.name]
    companion.start([*INTERPRETER, PROGRAM, *arguments], directory.node(node.name).monitor_log)


def status(directory: ClusterDirectory, node: NodeModel) -> MonitorStatus | None:
    """The last report of a node's monitor, None before the first."""
    try:
        data = json.loads(directory.node(node.name).monitor_status.read_text())
    except (OSError, ValueError):
        return None
    return MonitorStatus(**data, alive=alive(ProcessId(data["pid"], data["start_time"])))


def running() -> Iterator[tuple[int, Path, str]]:
    """(process, state folder, cluster) of every monitor on this host, by command line: also of those that never
    reported, and of clusters in other folders."""
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        with contextlib.suppress(OSError):
            arguments = (entry / "cmdline").read_bytes().split(b"\0")
            if len(arguments) > 8 and b"talos.provision.monitor" in arguments[5]:
                yield int(entry.name), Path(os.fsdecode(arguments[6])), os.fsdecode(arguments[7])


def find(directory: ClusterDirectory) -> list[int]:
    """Processes that are monitors of this cluster."""
    return [pid for pid, state, name in running() if (state, name) == (directory.path.parent, directory.name)]


def kill(directory: ClusterDirectory, timeout_s: float = 5.0) -> None:
    """End all monitors of a cluster at once, without their stopping the nodes in order, and with them the runc that
    one of them may have started just now: alone it would go on and leave a node that nobody knows."""
    deadline = time.monotonic() + timeout_s
    while left := [pid for pid in find(directory) if not companion.gone(pid)]:
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                if os.getpgid(pid) == pid:  # each monitor leads a session of its own
                    os.killpg(pid, signal.SIGKILL)
                os.kill(pid, signal.SIGKILL)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)
        if time.monotonic() > deadline:
            raise TimeoutError(f"monitors of cluster {directory.name} do not end: {left}")
        time.sleep(0.02)
