"""NodeStatus: resource type NodeStatuses.kubernetes.talos.dev."""

from __future__ import annotations

import msgspec

from talos.state.spec import Spec, resource


@resource(
    type="NodeStatuses.kubernetes.talos.dev",
    namespace="k8s",
    display="NodeStatus",
    aliases=("nodestatus", "ns"),
    all_aliases=("nodestatuses", "nodestatuses.kubernetes", "nodestatuses.kubernetes.talos"),
    columns=(("Ready", "{.nodeReady}"), ("Unschedulable", "{.unschedulable}")),
    proto="talos.resource.definitions.k8s.NodeStatusSpec",
)
class NodeStatusSpec(Spec):
    """Spec of NodeStatuses.kubernetes.talos.dev."""

    nodename: str = ""
    node_ready: bool = False
    unschedulable: bool = False
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    pod_cidrs: list[str] = msgspec.field(default_factory=list, name="podCIDRs")
