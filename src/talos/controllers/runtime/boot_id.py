"""The number of a machine's boot (random(4)). A container has none, as on Talos."""

from __future__ import annotations

from talos.resources.runtime import BootIDSpec
from talos.state.controller import EXCLUSIVE, Controller, Output
from talos.state.runtime import Runtime


class BootIDController(Controller):
    name = "runtime.BootIDController"
    outputs = (Output(BootIDSpec, EXCLUSIVE),)

    async def reconcile(self, rt: Runtime) -> None:
        if rt.env.in_container:
            return
        text = rt.env.path("/proc/sys/kernel/random/boot_id").read_text()
        spec = BootIDSpec(boot_id=text.strip())
        await rt.modify(BootIDSpec, "boot-id", lambda _old: spec)
