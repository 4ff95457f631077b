"""The configuration's watchdog: WatchdogTimerConfig → resource "timer". A container leaves its host's alone."""

from __future__ import annotations

from datetime import timedelta

from talos.controllers import machine_config
from talos.controllers.publish import publish
from talos.resources.runtime import WatchdogTimerConfigSpec
from talos.state.controller import EXCLUSIVE, Controller, Output
from talos.state.runtime import Runtime

ID = "timer"


class WatchdogTimerConfigController(Controller):
    name = "runtime.WatchdogTimerConfigController"
    inputs = (machine_config.ACTIVE_CONFIG,)
    outputs = (Output(WatchdogTimerConfigSpec, EXCLUSIVE),)

    async def reconcile(self, rt: Runtime) -> None:
        config = await machine_config.active(rt)
        found = None if config is None or rt.env.in_container else config.machine.watchdog
        desired = {}
        if found is not None:
            device, timeout_s = found
            desired[ID] = WatchdogTimerConfigSpec(device=device, timeout=timedelta(seconds=timeout_s))
        await publish(rt, WatchdogTimerConfigSpec, desired)
