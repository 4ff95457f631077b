"""Proportional memory (PSS) of a node's processes, from /proc/PID/smaps_rollup (proc(5)), in MiB."""
from __future__ import annotations

from pathlib import Path

# The operating system's own processes, by the name they give themselves; the rest of a node is programs and pods.
OWN = ("init", "zygote", "machined", "apid", "trustd", "networkd", "timed")


def pid_namespace(pid: int) -> str:
    return str(Path(f"/proc/{pid}/ns/pid").readlink())


def proportional_mib(pid: int) -> float:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    return 0.0


def command(pid: int) -> str:
    return Path(f"/proc/{pid}/comm").read_text().strip()


def descendants(root: int) -> list[int]:
    """Every process below `root` (inclusive), through the parents the kernel names."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
            except OSError:
                continue
            parents.setdefault(int(fields[1]), []).append(int(entry.name))
    found, queue = [], [root]
    while queue:
        pid = queue.pop()
        found.append(pid)
        queue += parents.get(pid, [])
    return found


def node_memory(init: int) -> dict[str, float]:
    """PSS by process name below a node's PID 1; `own` sums init, zygote and services, `all` everything."""
    by_name: dict[str, float] = {}
    for pid in descendants(init):
        try:
            name = command(pid)
            by_name[name] = by_name.get(name, 0.0) + proportional_mib(pid)
        except OSError:
            continue
    own = sum(size for name, size in by_name.items() if name in OWN)
    return {**dict(sorted(by_name.items())), "own": own, "all": sum(by_name.values())}
