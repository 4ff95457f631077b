"""Annotations that this machine's Node shall have, from the configuration."""

from __future__ import annotations

from talos.controllers.machine_config import ACTIVE_CONFIG, active
from talos.controllers.publish import publish
from talos.resources.k8s import NodeAnnotationSpecSpec
from talos.state import Controller, Output, Runtime


class NodeAnnotationSpecController(Controller):
    """MachineConfig -> NodeAnnotationSpecs."""

    name = "k8s.NodeAnnotationSpecController"
    inputs = (ACTIVE_CONFIG,)
    outputs = (Output(NodeAnnotationSpecSpec),)

    async def reconcile(self, rt: Runtime) -> None:
        config = await active(rt)
        annotations = config.kubelet.node.annotations if config is not None else {}
        desired = {key: NodeAnnotationSpecSpec(key=key, value=value) for key, value in annotations.items()}
        await publish(rt, NodeAnnotationSpecSpec, desired)
