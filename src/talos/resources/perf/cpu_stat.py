"""CPUStat: resource type CPUStats.perf.talos.dev."""

from __future__ import annotations

import msgspec

from talos.state.spec import Part, Spec, resource


class CPUStat(Part):
    """Message CPUStat of the wire contract."""

    user: float = 0.0
    nice: float = 0.0
    system: float = 0.0
    idle: float = 0.0
    iowait: float = 0.0
    irq: float = 0.0
    soft_irq: float = 0.0
    steal: float = 0.0
    guest: float = 0.0
    guest_nice: float = 0.0


@resource(
    type="CPUStats.perf.talos.dev",
    namespace="perf",
    display="CPUStat",
    aliases=("cpustat", "cpus"),
    all_aliases=("cpustats", "cpustats.perf", "cpustats.perf.talos"),
    columns=(("User", "{.cpuTotal.user}"), ("System", "{.cpuTotal.system}")),
    proto="talos.resource.definitions.perf.CPUSpec",
)
class CPUSpec(Spec):
    """Spec of CPUStats.perf.talos.dev."""

    cpu: list[CPUStat] = []
    cpu_total: CPUStat = msgspec.field(default_factory=CPUStat)
    irq_total: int = 0
    context_switches: int = 0
    process_created: int = 0
    process_running: int = 0
    process_blocked: int = 0
    soft_irq_total: int = 0
