"""Reports the time servers in use; timed asks them."""

from __future__ import annotations

from talos.controllers.transform import ResourceTransform
from talos.resources.network import TimeServerSpecSpec, TimeServerStatusSpec
from talos.state.controller import EXCLUSIVE, STRONG, Input, Output


class TimeServerSpecController(ResourceTransform):
    name = "network.TimeServerSpecController"
    process = "networkd"
    kind = TimeServerStatusSpec
    id = "timeservers"
    inputs = (Input(TimeServerSpecSpec, STRONG, id="timeservers"),)
    outputs = (Output(TimeServerStatusSpec, EXCLUSIVE),)

    def render(self, spec: TimeServerSpecSpec) -> TimeServerStatusSpec:
        return TimeServerStatusSpec(time_servers=list(spec.time_servers), use_nts=spec.use_nts)
