"""Time servers that count: those of the highest layer, of all links with DHCP if it is theirs."""

from __future__ import annotations

import msgspec

from talos.controllers.network.layers import CONFIG_NAMESPACE, MergeController
from talos.resources.network import TimeServerSpecSpec
from talos.state.controller import SHARED, Input, Output
from talos.state.spec import Spec


class TimeServerMergeController(MergeController):
    name = "TimeServerMergeControllers.net.talos.dev"
    kind = TimeServerSpecSpec
    inputs = (Input(TimeServerSpecSpec, namespace=CONFIG_NAMESPACE),)
    outputs = (Output(TimeServerSpecSpec, SHARED),)

    @staticmethod
    def combine(lower: Spec, higher: Spec) -> Spec:
        assert isinstance(lower, TimeServerSpecSpec)
        assert isinstance(higher, TimeServerSpecSpec)
        if higher.layer is not lower.layer:
            return higher
        further = [server for server in higher.time_servers if server not in lower.time_servers]
        return msgspec.structs.replace(lower, time_servers=[*lower.time_servers, *further])
