"""Labels that this machine's Node shall have, from the configuration and from extensions."""

from __future__ import annotations

from talos.controllers.machine_config import ACTIVE_CONFIG, active
from talos.controllers.publish import publish
from talos.resources.k8s import NodeLabelSpecSpec
from talos.state import Controller, Output, Runtime


class NodeLabelSpecController(Controller):
    """MachineConfig -> NodeLabelSpecs."""

    name = "k8s.NodeLabelSpecController"
    inputs = (ACTIVE_CONFIG,)
    outputs = (Output(NodeLabelSpecSpec),)

    async def reconcile(self, rt: Runtime) -> None:
        config = await active(rt)
        labels = config.kubelet.node.labels if config is not None else {}
        desired = {key: NodeLabelSpecSpec(key=key, value=value) for key, value in labels.items()}
        await publish(rt, NodeLabelSpecSpec, desired)
