"""Whether this machine's Node shall take no new pods: while the machine goes down or is being upgraded."""

from __future__ import annotations

from talos.resources.enums import MachineStage
from talos.resources.k8s import NodeCordonedSpecSpec
from talos.resources.runtime import MachineStatusSpec
from talos.state import Controller, Input, Output, Runtime

# A reboot does not cordon: it takes seconds, and its pods are wanted back on this node.
CORDONED = frozenset({MachineStage.SHUTTING_DOWN, MachineStage.UPGRADING, MachineStage.RESETTING})


class NodeCordonedSpecController(Controller):
    """MachineStatus -> NodeCordonedSpec "cordoned"."""

    name = "k8s.NodeCordonedSpecController"
    inputs = (Input(MachineStatusSpec, id="machine"),)
    outputs = (Output(NodeCordonedSpecSpec),)

    async def reconcile(self, rt: Runtime) -> None:
        status = await rt.get_or_none(MachineStatusSpec, "machine")
        if status is None:
            return
        if status.spec.stage in CORDONED:
            await rt.modify(NodeCordonedSpecSpec, "cordoned", lambda spec: spec)
        elif status.spec.stage in (MachineStage.RUNNING, MachineStage.BOOTING):
            await rt.keep_only(NodeCordonedSpecSpec, ())
