"""Which order node addresses are reported in: v1, by number. (v2, by subnet preference, has no configuration key.)"""

from __future__ import annotations

from talos.resources.enums import AddressSortAlgorithm
from talos.resources.network import NodeAddressSortAlgorithmSpec
from talos.state.controller import EXCLUSIVE, Controller, Output
from talos.state.runtime import Runtime


class NodeAddressSortAlgorithmController(Controller):
    name = "network.NodeAddressSortAlgorithmController"
    outputs = (Output(NodeAddressSortAlgorithmSpec, EXCLUSIVE),)

    async def reconcile(self, rt: Runtime) -> None:
        spec = NodeAddressSortAlgorithmSpec(algorithm=AddressSortAlgorithm.V1)
        await rt.modify(NodeAddressSortAlgorithmSpec, "default", lambda _old: spec)
