"""What the sequencer is doing, as a resource of ours: controllers derive MachineStatus from it, never from the
sequencer itself."""

from __future__ import annotations

from talos.resources.enums import MachineStage
from talos.state.spec import Spec, resource

STAGE_ID = "machine"


@resource(
    type="MachineStages.runtime.pytalos.dev",
    namespace="runtime",
    display="MachineStage",
    aliases=("machinestage", "machinestages"),
    columns=(("Stage", "{.stage}"), ("Sequence", "{.sequence}"), ("Phase", "{.phase}")),
)
class MachineStageSpec(Spec):
    """Written by the sequencer alone; `sequence` and `phase` are empty when none runs."""

    stage: MachineStage = MachineStage.UNKNOWN
    sequence: str = ""
    phase: str = ""
    problem: str = ""
    """why the kept configuration cannot be used; "" if it can"""
