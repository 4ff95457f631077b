"""The machine's role in its cluster, from its configuration; unknown without one."""

from __future__ import annotations

from talos.config import Config
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
        kind = MachineType.UNKNOWN if config is None else machine_type(config)
        await rt.modify(MachineTypeSpec, "machine-type", lambda _old: MachineTypeSpec(type=kind))


def machine_type(config: Config) -> MachineType:
    """The role as resources say it."""
    if config.machine.is_init:
        return MachineType.INIT
    return MachineType.CONTROL_PLANE if config.machine.is_control_plane else MachineType.WORKER
