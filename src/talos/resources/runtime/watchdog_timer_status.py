"""WatchdogTimerStatus: resource type WatchdogTimerStatuses.runtime.talos.dev."""

from __future__ import annotations

from datetime import timedelta

from talos.state.spec import Spec, resource


@resource(
    type="WatchdogTimerStatuses.runtime.talos.dev",
    namespace="runtime",
    display="WatchdogTimerStatus",
    aliases=("watchdogtimerstatus", "wts"),
    all_aliases=("watchdogtimerstatuses", "watchdogtimerstatuses.runtime", "watchdogtimerstatuses.runtime.talos"),
    columns=(("Device", "{.device}"), ("Timeout", "{.timeout}")),
    proto="talos.resource.definitions.runtime.WatchdogTimerStatusSpec",
)
class WatchdogTimerStatusSpec(Spec):
    """Spec of WatchdogTimerStatuses.runtime.talos.dev."""

    device: str = ""
    timeout: timedelta = timedelta()
    feed_interval: timedelta = timedelta()
