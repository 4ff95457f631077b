"""Kernel parameters of the machine configuration: sysctls (proc.sys.…) and sysfs (sys.…)."""

from __future__ import annotations

from talos.controllers.machine_config import ACTIVE_CONFIG, active
from talos.controllers.publish import publish
from talos.resources.runtime import KernelParamSpecSpec
from talos.state.controller import Controller, Output
from talos.state.runtime import Runtime


class KernelParamConfigController(Controller):
    """Machine configuration → KernelParamSpecs."""

    name = "runtime.KernelParamConfigController"
    inputs = (ACTIVE_CONFIG,)
    outputs = (Output(KernelParamSpecSpec),)

    async def reconcile(self, rt: Runtime) -> None:
        config = await active(rt)
        wanted: dict[str, str] = {}
        if config is not None:
            wanted |= {f"proc.sys.{name}": value for name, value in config.machine.sysctls.items()}
            wanted |= {f"sys.{name}": value for name, value in config.machine.sysfs.items()}
        await publish(rt, KernelParamSpecSpec, {id: KernelParamSpecSpec(value=value) for id, value in wanted.items()})
