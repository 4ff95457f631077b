"""Profiles of system call filters that pods may name (`localhostProfile: profiles/NAME`)."""

from __future__ import annotations

from talos.controllers import machine_config
from talos.controllers.publish import publish
from talos.resources.cri import SeccompProfileSpec
from talos.state.controller import EXCLUSIVE, Controller, Output
from talos.state.runtime import Runtime


class SeccompProfileController(Controller):
    """MachineConfig → SeccompProfiles, by name."""

    name = "cri.SeccompProfileController"
    inputs = (machine_config.ACTIVE_CONFIG,)
    outputs = (Output(SeccompProfileSpec, EXCLUSIVE),)

    async def reconcile(self, rt: Runtime) -> None:
        config = await machine_config.active(rt)
        profiles = config.machine.seccomp_profiles if config is not None else {}
        desired = {name: SeccompProfileSpec(name=name, value=value) for name, value in profiles.items()}
        await publish(rt, SeccompProfileSpec, desired)
