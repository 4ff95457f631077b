"""Control groups of the programs that machined starts, beside those that the zygote makes for its services.

podruntime/… holds containerd, its shims, etcd and the kubelet; kubepods is made by the kubelet. Figures: the
contract (constants.txt, Cgroup*).
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from pathlib import Path

from talos.linux.cgroup import ROOT, Limits
from talos.linux.cgroup import Cgroups as Trees

log = logging.getLogger("machined.cgroups")

MIB = 1024 * 1024
_KILL_WAIT_S = 5.0

TREE: dict[str, Limits] = {
    "podruntime": Limits(340 * MIB, 0, 4000),
    "podruntime/runtime": Limits(196 * MIB, 0, 1000),
    "podruntime/shim": Limits(48 * MIB, 0, 500),
    "podruntime/etcd": Limits(256 * MIB, 0, 2000),
    "podruntime/kubelet": Limits(96 * MIB, 0, 1000),
}


class ProgramCgroups:
    """Makes the groups, tells how to enter them, ends what is left in them."""

    def __init__(self, root: Path = ROOT) -> None:
        self.trees = Trees(root)

    def setup(self) -> None:
        """Make the groups, idempotent. What cannot be set is logged: a limit is no reason not to boot."""
        problems = self.trees.make("podruntime", TREE["podruntime"])
        if self.trees.v2:
            problems += self.trees.delegate("podruntime")
        for name, limits in TREE.items():
            problems += self.trees.make(name, limits)
        for problem in problems:
            log.warning("%s", problem)

    def procs_files(self, name: str) -> list[Path]:
        """The files a process writes 0 into to enter a group."""
        return [path for path in self.trees.procs_files(name) if path.exists()]

    async def kill_all(self, name: str) -> None:
        """Kill what is left in a group and the groups below it, and wait until it is gone."""
        if not Path(name).parts or ".." in Path(name).parts or Path(name).is_absolute():
            raise ValueError(f"{name!r} names no group of its own: everything that runs would be killed")
        loop = asyncio.get_running_loop()
        deadline = loop.time() + _KILL_WAIT_S
        while pids := self._pids_below(name):
            for pid in pids:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    continue
            if loop.time() > deadline:
                log.error("processes %s of cgroup %s do not end", sorted(pids), name)
                return
            await asyncio.sleep(0.01)

    def _pids_below(self, name: str) -> set[int]:
        found: set[int] = set()
        for tree in self.trees.trees:
            for folder, _folders, files in os.walk(tree / name):
                if "cgroup.procs" in files:
                    try:
                        found.update(int(pid) for pid in Path(folder, "cgroup.procs").read_text().split())
                    except OSError:
                        continue
        return found - {0}
