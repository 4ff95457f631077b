"""What Kubernetes says of this node."""

from __future__ import annotations

from typing import Any

from talos.controllers.kubernetes_watch import CREDENTIALS, KubernetesWatch, Objects, Target, kubeconfig_of
from talos.controllers.publish import always
from talos.kubernetes.kinds import NODE
from talos.resources.k8s import NodenameSpec, NodeStatusSpec
from talos.state import Input, Output, Runtime


class NodeStatusController(KubernetesWatch):
    """This machine's Node -> NodeStatus."""

    name = "k8s.NodeStatusController"
    inputs = (*CREDENTIALS, Input(NodenameSpec, id="nodename"))
    outputs = (Output(NodeStatusSpec),)

    async def target(self, rt: Runtime) -> Target | None:
        nodename = await rt.get_or_none(NodenameSpec, "nodename")
        kubeconfig = await kubeconfig_of(rt)
        if nodename is None or nodename.spec.skip_node_registration or kubeconfig is None:
            return None
        return Target(kubeconfig, NODE, fields=f"metadata.name={nodename.spec.nodename}")

    async def publish(self, rt: Runtime, objects: Objects) -> None:
        for (_, name), node in objects.items():
            await rt.modify(NodeStatusSpec, name, always(node_status(node)))
        await rt.keep_only(NodeStatusSpec, [name for _, name in objects])

    async def clear(self, rt: Runtime) -> None:
        await rt.keep_only(NodeStatusSpec, ())


def node_status(node: dict[str, Any]) -> NodeStatusSpec:
    """The parts of a Node that others here look at."""
    metadata, spec = node["metadata"], node.get("spec") or {}
    conditions = (node.get("status") or {}).get("conditions") or ()
    subnets = spec.get("podCIDRs") or ([spec["podCIDR"]] if spec.get("podCIDR") else [])
    return NodeStatusSpec(
        nodename=metadata["name"],
        node_ready=any(c["type"] == "Ready" and c["status"] == "True" for c in conditions),
        unschedulable=bool(spec.get("unschedulable")),
        labels=metadata.get("labels") or {},
        annotations=metadata.get("annotations") or {},
        pod_cidrs=list(subnets),
    )
