"""Taints that this machine's Node shall have, from the configuration."""

from __future__ import annotations

from talos.controllers.k8s.kubelet_configuration import parse_taint
from talos.controllers.machine_config import ACTIVE_CONFIG, active
from talos.controllers.publish import publish
from talos.resources.k8s import NodeTaintSpecSpec
from talos.state import Controller, Output, Runtime


class NodeTaintSpecController(Controller):
    """MachineConfig -> NodeTaintSpecs."""

    name = "k8s.NodeTaintSpecController"
    inputs = (ACTIVE_CONFIG,)
    outputs = (Output(NodeTaintSpecSpec),)

    async def reconcile(self, rt: Runtime) -> None:
        config = await active(rt)
        taints = config.kubelet.node.taints if config is not None else {}
        desired = {}
        for key, text in taints.items():
            value, effect = parse_taint(text)
            desired[key] = NodeTaintSpecSpec(key=key, effect=effect, value=value)
        await publish(rt, NodeTaintSpecSpec, desired)
