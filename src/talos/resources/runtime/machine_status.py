"""MachineStatus: resource type MachineStatuses.runtime.talos.dev."""

from __future__ import annotations

import msgspec

from talos.resources.enums import MachineStage
from talos.state.spec import Part, Spec, resource


class UnmetCondition(Part):
    """Message UnmetCondition of the wire contract."""

    name: str = ""
    reason: str = ""


class MachineStatusStatus(Part):
    """Message MachineStatusStatus of the wire contract."""

    ready: bool = False
    unmet_conditions: list[UnmetCondition] = []


@resource(
    type="MachineStatuses.runtime.talos.dev",
    namespace="runtime",
    display="MachineStatus",
    aliases=("machinestatus", "ms"),
    all_aliases=("machinestatuses", "machinestatuses.runtime", "machinestatuses.runtime.talos"),
    columns=(("Stage", "{.stage}"), ("Ready", "{.status.ready}")),
    proto="talos.resource.definitions.runtime.MachineStatusSpec",
)
class MachineStatusSpec(Spec):
    """Spec of MachineStatuses.runtime.talos.dev."""

    stage: MachineStage = MachineStage.UNKNOWN
    status: MachineStatusStatus = msgspec.field(default_factory=MachineStatusStatus)
