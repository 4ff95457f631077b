"""WatchdogTimerConfig: resource type WatchdogTimerConfigs.runtime.talos.dev."""

from __future__ import annotations

from datetime import timedelta

from talos.state.spec import Spec, resource


@resource(
    type="WatchdogTimerConfigs.runtime.talos.dev",
    namespace="runtime",
    display="WatchdogTimerConfig",
    aliases=("watchdogtimerconfig", "wtc", "wtcs"),
    all_aliases=("watchdogtimerconfigs", "watchdogtimerconfigs.runtime", "watchdogtimerconfigs.runtime.talos"),
    columns=(("Device", "{.device}"), ("Timeout", "{.timeout}")),
    proto="talos.resource.definitions.runtime.WatchdogTimerConfigSpec",
)
class WatchdogTimerConfigSpec(Spec):
    """Spec of WatchdogTimerConfigs.runtime.talos.dev."""

    device: str = ""
    timeout: timedelta = timedelta()
