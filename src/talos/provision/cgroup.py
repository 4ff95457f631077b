"""Control groups of nodes on the host: find, end and remove them, nested ones included.

Works on cgroup v1 (one tree per controller), v2 (one tree) and both mixed; never mounts or changes a mount.
"""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from talos.linux.mount import mounts


def unified() -> bool:
    """Whether the host's control groups are version 2 only."""
    return any(entry.fstype == "cgroup2" and entry.target == "/sys/fs/cgroup" for entry in mounts())


def hierarchies() -> list[Path]:
    """Mount points of all control group trees."""
    return [Path(entry.target) for entry in mounts() if entry.fstype in ("cgroup", "cgroup2")]


def groups(path: str) -> list[Path]:
    """The directories of one group in all trees, each only where it exists."""
    return [found for root in hierarchies() if (found := root / path).is_dir()]


def processes(path: str) -> set[int]:
    """Every process in a group or below it."""
    found: set[int] = set()
    for group in groups(path):
        for directory, _names, _files in os.walk(group):
            try:
                found.update(int(pid) for pid in (Path(directory) / "cgroup.procs").read_text().split())
            except (OSError, ValueError):
                continue
    return found


def kill(path: str, timeout_s: float = 15.0) -> None:
    """SIGKILL until nobody is left; TimeoutError with the survivors' numbers."""
    deadline = time.monotonic() + timeout_s
    while alive := processes(path):
        for pid in alive:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        if time.monotonic() > deadline:
            raise TimeoutError(f"processes of {path} do not end: {sorted(alive)}")
        time.sleep(0.02)


def remove(path: str, timeout_s: float = 5.0) -> None:
    """rmdir the group in all trees from the leaves up. A group stays busy for moments after its last process ended."""
    deadline = time.monotonic() + timeout_s
    while True:
        busy: OSError | None = None
        for group in groups(path):
            for directory, _names, _files in os.walk(group, topdown=False):
                try:
                    Path(directory).rmdir()
                except FileNotFoundError:
                    continue
                except OSError as error:
                    busy = error
        if busy is None:
            return
        if time.monotonic() > deadline:
            raise busy
        time.sleep(0.05)
