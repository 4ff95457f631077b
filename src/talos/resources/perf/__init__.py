"""Resource types of the domain perf."""

from __future__ import annotations

from talos.resources.perf.cpu_stat import CPUSpec, CPUStat
from talos.resources.perf.memory_stat import MemorySpec

__all__ = [
    "CPUSpec",
    "CPUStat",
    "MemorySpec",
]
