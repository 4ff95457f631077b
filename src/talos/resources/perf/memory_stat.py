"""MemoryStat: resource type MemoryStats.perf.talos.dev."""

from __future__ import annotations

import msgspec

from talos.state.spec import Spec, resource


@resource(
    type="MemoryStats.perf.talos.dev",
    namespace="perf",
    display="MemoryStat",
    aliases=("memorystat", "ms"),
    all_aliases=("memorystats", "memorystats.perf", "memorystats.perf.talos"),
    columns=(("Used", "{.used}"), ("Total", "{.total}")),
    proto="talos.resource.definitions.perf.MemorySpec",
    proto_names={"total": "mem_total", "used": "mem_used", "available": "mem_available"},
)
class MemorySpec(Spec):
    """Spec of MemoryStats.perf.talos.dev."""

    total: int = 0
    used: int = 0
    available: int = 0
    buffers: int = 0
    cached: int = 0
    swap_cached: int = 0
    active: int = 0
    inactive: int = 0
    active_anon: int = 0
    inactive_anon: int = 0
    active_file: int = 0
    inactive_file: int = 0
    unevictable: int = 0
    mlocked: int = 0
    swap_total: int = 0
    swap_free: int = 0
    dirty: int = 0
    writeback: int = 0
    anon_pages: int = 0
    mapped: int = 0
    shmem: int = 0
    slab: int = 0
    sreclaimable: int = 0
    sunreclaim: int = 0
    kernel_stack: int = 0
    page_tables: int = 0
    nfsunstable: int = 0
    bounce: int = 0
    write_backtmp: int = 0
    commit_limit: int = 0
    commit_tedas: int = 0
    vmalloc_total: int = 0
    vmalloc_used: int = 0
    vmalloc_chunk: int = 0
    hardware_corrupted: int = 0
    anon_huge_pages: int = 0
    shmem_huge_pages: int = 0
    shmem_pmd_mapped: int = 0
    cma_total: int = 0
    cma_free: int = 0
    huge_pages_total: int = 0
    huge_pages_free: int = 0
    huge_pages_rsvd: int = 0
    huge_pages_surp: int = 0
    hugepagesize: int = 0
    direct_map4k: int = msgspec.field(default=0, name="directMap4k")
    direct_map2m: int = msgspec.field(default=0, name="directMap2m")
    direct_map1g: int = msgspec.field(default=0, name="directMap1g")
