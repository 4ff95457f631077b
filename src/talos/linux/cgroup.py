"""Control groups on cgroup v1 and v2 under one set of names, relative to the root that this process sees.

v1 has one tree for each controller, v2 one for all. On v2 a group that holds processes cannot hand controllers to its
children, so whoever sits in the root must move to a leaf first; on v1 a new cpuset takes no process before its cpus and
mems are filled. A hybrid host (v1 controllers, an empty v2 tree beside them) counts as v1.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from msgspec import Struct

from talos.linux import mount

ROOT = Path("/sys/fs/cgroup")


class Limits(Struct, frozen=True):
    """Bytes, and thousandths of a core as a share under contention; 0 leaves a value alone."""

    memory_reserved: int = 0
    memory_max: int = 0
    cpu_millicores: int = 0


class Cgroups:
    """The trees below `root`. Methods return what could not be done, as sentences: a limit is no reason not to boot."""

    def __init__(self, root: Path = ROOT) -> None:
        self.root = root
        self.v2 = (root / "cgroup.controllers").exists()
        self.trees = [root] if self.v2 else _v1_trees(root)

    def make(self, name: str, limits: Limits | None = None) -> list[str]:
        """Creates the group in every tree, parents included, and sets its limits."""
        problems = []
        for tree in self.trees:
            try:
                self._make(tree, name)
            except OSError as error:
                problems.append(f"cgroup {tree / name}: {error.strerror}")
        for path, value in self._settings(name, limits or Limits()):
            try:
                path.write_text(value)
            except OSError as error:
                problems.append(f"{path} cannot be set to {value}: {error.strerror}")
        return problems

    def procs_files(self, name: str) -> list[Path]:
        """Files to write a process id into (0: the writer itself)."""
        return [tree / name / "cgroup.procs" for tree in self.trees]

    def enter(self, name: str, pid: int = 0) -> list[str]:
        """Moves a process, by default the caller, into the group in every tree."""
        problems = []
        for procs in self.procs_files(name):
            try:
                procs.write_text(str(pid))
            except OSError as error:
                problems.append(f"cgroup {procs.parent}: {error.strerror}")
        return problems

    def empty_root(self, name: str) -> list[str]:
        """Moves every process of the root group to `name`, then hands the root's controllers down (v2)."""
        problems = self.make(name)
        for tree in self.trees:
            with contextlib.suppress(OSError):
                for pid in (tree / "cgroup.procs").read_text().split():
                    if pid != "0":  # outside our PID namespace
                        with contextlib.suppress(ProcessLookupError):
                            (tree / name / "cgroup.procs").write_text(pid)
        if self.v2:
            problems += self.delegate("")
        return problems

    def delegate(self, name: str) -> list[str]:
        """v2: lets the children of a group use every controller that it has itself."""
        group = self.root / name
        problems = []
        for controller in sorted((group / "cgroup.controllers").read_text().split()):
            try:
                (group / "cgroup.subtree_control").write_text(f"+{controller}")
            except OSError as error:
                problems.append(f"controller {controller} below {group}: {error.strerror}")
        return problems

    def processes(self, name: str) -> set[int]:
        """Processes of the group itself, as this PID namespace numbers them."""
        found: set[int] = set()
        for procs in self.procs_files(name):
            with contextlib.suppress(OSError):
                found |= {int(pid) for pid in procs.read_text().split()}
        return found - {0}

    def _make(self, tree: Path, name: str) -> None:
        group = tree
        for part in Path(name).parts:
            parent, group = group, group / part
            with contextlib.suppress(FileExistsError):
                group.mkdir()
            for setting in ("cpuset.cpus", "cpuset.mems"):
                if not self.v2 and (group / setting).exists() and not (group / setting).read_text().strip():
                    (group / setting).write_text((parent / setting).read_text())

    def _settings(self, name: str, limits: Limits) -> list[tuple[Path, str]]:
        if self.v2:
            wanted = {
                "memory.min": limits.memory_reserved,
                "memory.max": limits.memory_max,
                "cpu.weight": cpu_weight(limits.cpu_millicores) if limits.cpu_millicores else 0,
            }
            return [(self.root / name / key, str(value)) for key, value in wanted.items() if value]
        v1 = {"memory.limit_in_bytes": limits.memory_max, "cpu.shares": cpu_shares(limits.cpu_millicores)}
        found = [(tree / name / key, str(value)) for tree in self.trees for key, value in v1.items() if value]
        return [(path, value) for path, value in found if path.exists()]


def cpu_shares(millicores: int) -> int:
    """cpu.shares of cgroup v1; 1024 is one core. 0 stays 0."""
    return max(2, millicores * 1024 // 1000) if millicores else 0


def cpu_weight(millicores: int) -> int:
    """cpu.weight of cgroup v2 for the same share (the conversion of KEP-2254)."""
    return 1 + (cpu_shares(millicores) - 2) * 9999 // 262142


def _v1_trees(root: Path) -> list[Path]:
    """Mounted trees that this process may write to, each once."""
    found = {m.target for m in mount.mounts() if m.fstype in ("cgroup", "cgroup2") and m.target.startswith(f"{root}/")}
    return [Path(target) for target in sorted(found) if os.access(target, os.W_OK)]
