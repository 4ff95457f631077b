"""The kernel's view of its clock (adjtimex(2)). On machines only: in a container it is the host's clock."""

from __future__ import annotations

from datetime import timedelta

from talos.linux import clock
from talos.resources.time import AdjtimeStatusSpec
from talos.state.controller import EXCLUSIVE, Controller, Output
from talos.state.runtime import Runtime

_INTERVAL_S = 30.0


def status(state: clock.Adjtime) -> AdjtimeStatusSpec:
    """One reading as a resource."""
    return AdjtimeStatusSpec(
        offset=timedelta(microseconds=state.offset_ns / 1000),
        frequency_adjustment_ratio=1 + state.frequency_ppm / 1e6,
        max_error=timedelta(microseconds=state.max_error_us),
        est_error=timedelta(microseconds=state.estimated_error_us),
        status=state.status,
        constant=state.constant,
        sync_status=state.synchronized,
        state=state.state,
    )


class AdjtimeStatusController(Controller):
    name = "time.AdjtimeStatusController"
    process = "timed"
    outputs = (Output(AdjtimeStatusSpec, EXCLUSIVE),)

    async def reconcile(self, rt: Runtime) -> None:
        if rt.env.in_container:
            return
        spec = status(clock.adjtime())
        await rt.modify(AdjtimeStatusSpec, "node", lambda _old: spec)
        rt.requeue_after(_INTERVAL_S)
