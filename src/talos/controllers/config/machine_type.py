"""The machine's role in its cluster, from its configuration; unknown without one."""

from __future__ import annotations

from talos.controllers.machine_config import ACTIVE_CONFIG, active
from talos.resources.config import MachineTypeSpec
from talos.resources.enums import MachineType
from talos.state.controller import Controller, Output
from talos.state.runtime import Runtime


class MachineTypeController(Controller):
    """Machine configuration → MachineTypes."""

    name = "config.MachineTypeController"
    inputs = (ACTIVE_CONFIG,)
    outputs = (Output(MachineTypeSpec),)

    async def reconcile(self, rt: Runtime) -> None:
        config = await active(rt)
        if config is None:
            kind = MachineType.UNKNOWN
        else:
            kind = MachineType.CONTROL_PLANE if config.machine.is_control_plane else MachineType.WORKER
        await rt.modify(MachineTypeSpec, "machine-type", lambda _old: MachineTypeSpec(type=kind))
