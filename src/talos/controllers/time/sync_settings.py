"""How to keep the clock, as far as timed has to know it: timed may not read the machine configuration."""

from __future__ import annotations

from talos.controllers import machine_config
from talos.state.controller import EXCLUSIVE, Controller, Output
from talos.state.runtime import Runtime
from talos.state.spec import Spec, resource

ID = "node"


@resource(
    type="TimeSyncSettings.pytalos.dev",
    namespace="runtime",
    display="TimeSyncSettings",
    columns=(("Enabled", "{.enabled}"), ("Boot Timeout", "{.bootTimeoutSeconds}")),
)
class TimeSyncSettingsSpec(Spec):
    """Whether the clock is to be synchronized, and for how long booting may wait for it (0: for ever)."""

    enabled: bool = True
    boot_timeout_seconds: float = 0.0


class SyncSettingsController(Controller):
    name = "time.SyncSettingsController"
    inputs = (machine_config.ACTIVE_CONFIG,)
    outputs = (Output(TimeSyncSettingsSpec, EXCLUSIVE),)

    async def reconcile(self, rt: Runtime) -> None:
        config = await machine_config.active(rt)
        spec = TimeSyncSettingsSpec()
        if config is not None:
            spec = TimeSyncSettingsSpec(
                enabled=config.network.time.enabled, boot_timeout_seconds=config.network.time.boot_timeout_s
            )
        await rt.modify(TimeSyncSettingsSpec, ID, lambda _old: spec)
