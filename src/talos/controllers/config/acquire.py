"""Where the node is on its way to a configuration: it has one, or it waits in maintenance mode for somebody to send it.

The configuration itself is read by machined's sequence (talos.machined.configuration), which knows how to apply it
whole or not at all. Neither resource exists while the node looks for one, nor when the one that it kept is refused.
"""

from __future__ import annotations

from talos.controllers.machine_config import ACTIVE, ACTIVE_CONFIG
from talos.controllers.publish import publish
from talos.controllers.runtime.stage import STAGE_ID, MachineStageSpec
from talos.resources.config import MachineConfigSpec
from talos.resources.enums import MachineStage
from talos.resources.runtime import MaintenanceServiceRequestSpec
from talos.resources.v1alpha1 import AcquireConfigStatusSpec
from talos.state.controller import EXCLUSIVE, Controller, Input, Output
from talos.state.runtime import Runtime

STATUS_ID = "machine-config"
REQUEST_ID = "maintenance"


class AcquireController(Controller):
    """MachineConfig, MachineStage → AcquireConfigStatus or MaintenanceServiceRequest."""

    name = "config.AcquireController"
    inputs = (ACTIVE_CONFIG, Input(MachineStageSpec, id=STAGE_ID))
    outputs = (Output(AcquireConfigStatusSpec, EXCLUSIVE), Output(MaintenanceServiceRequestSpec, EXCLUSIVE))

    async def reconcile(self, rt: Runtime) -> None:
        found = await rt.get_or_none(MachineConfigSpec, ACTIVE) is not None
        stage = await rt.get_or_none(MachineStageSpec, STAGE_ID)
        waits = not found and stage is not None and stage.spec.stage is MachineStage.MAINTENANCE
        await publish(rt, AcquireConfigStatusSpec, {STATUS_ID: AcquireConfigStatusSpec()} if found else {})
        await publish(rt, MaintenanceServiceRequestSpec, {REQUEST_ID: MaintenanceServiceRequestSpec()} if waits else {})
