"""MachineResetSignal: resource type MachineResetSignals.runtime.talos.dev."""

from __future__ import annotations

from talos.state.spec import Spec, resource


@resource(
    type="MachineResetSignals.runtime.talos.dev",
    namespace="runtime",
    display="MachineResetSignal",
    aliases=("machineresetsignal", "mrs"),
    all_aliases=("machineresetsignals", "machineresetsignals.runtime", "machineresetsignals.runtime.talos"),
)
class MachineResetSignalSpec(Spec):
    """Spec of MachineResetSignals.runtime.talos.dev."""
