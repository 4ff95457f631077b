"""What the processors did and how the memory is used, every half minute.

Read on a timer, because the kernel tells nobody; not more often, because every write wakes who watches. Whoever wants
the present second asks the API's Memory and SystemStat, which read the same files.
"""

from __future__ import annotations

from collections.abc import Mapping

from talos.controllers.publish import always
from talos.linux import proc_stat
from talos.resources.perf import CPUSpec, CPUStat, MemorySpec
from talos.state.controller import EXCLUSIVE, Controller, Output
from talos.state.runtime import Runtime

ID = "latest"
EVERY_S = 30.0
_MEMORY = {
    "total": "MemTotal",
    "available": "MemAvailable",
    "active_anon": "Active(anon)",
    "inactive_anon": "Inactive(anon)",
    "active_file": "Active(file)",
    "inactive_file": "Inactive(file)",
    "sreclaimable": "SReclaimable",
    "sunreclaim": "SUnreclaim",
    "nfsunstable": "NFS_Unstable",
    "write_backtmp": "WritebackTmp",
    "commit_tedas": "Committed_AS",
    "huge_pages_total": "HugePages_Total",
    "huge_pages_free": "HugePages_Free",
    "huge_pages_rsvd": "HugePages_Rsvd",
    "huge_pages_surp": "HugePages_Surp",
    "direct_map2m": "DirectMap2M",
    "direct_map1g": "DirectMap1G",
}
"""field → the kernel's name, where that is not the field's words put together"""
_DERIVED = "used"


def memory(found: Mapping[str, int]) -> MemorySpec:
    """Of /proc/meminfo, in KiB; what this kernel does not count is 0."""
    spec = MemorySpec()
    for field in MemorySpec.__struct_fields__:
        if field != _DERIVED:
            name = _MEMORY.get(field) or "".join(word[0].upper() + word[1:] for word in field.split("_"))
            setattr(spec, field, found.get(name, 0))
    spec.used = spec.total - found.get("MemFree", 0)
    return spec


def processors(found: proc_stat.Stat) -> CPUSpec:
    """Of /proc/stat, times in seconds since the start."""
    first = {name: numbers[0] for name, numbers in found.counters.items() if numbers}
    return CPUSpec(
        cpu=[CPUStat(**times) for times in found.cpus],
        cpu_total=CPUStat(**found.total),
        irq_total=first.get("intr", 0),
        context_switches=first.get("ctxt", 0),
        process_created=first.get("processes", 0),
        process_running=first.get("procs_running", 0),
        process_blocked=first.get("procs_blocked", 0),
        soft_irq_total=first.get("softirq", 0),
    )


class StatsController(Controller):
    """/proc → MemoryStats, CPUStats."""

    name = "perf.StatsController"
    outputs = (Output(CPUSpec, EXCLUSIVE), Output(MemorySpec, EXCLUSIVE))

    async def reconcile(self, rt: Runtime) -> None:
        stat = proc_stat.stat(rt.env.path("/proc/stat").read_text())
        meminfo = proc_stat.meminfo(rt.env.path("/proc/meminfo").read_text())
        await rt.modify(CPUSpec, ID, always(processors(stat)))
        await rt.modify(MemorySpec, ID, always(memory(meminfo)))
        rt.requeue_after(EVERY_S)
