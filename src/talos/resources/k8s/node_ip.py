"""NodeIP: resource type NodeIPs.kubernetes.talos.dev."""

from __future__ import annotations

from talos.state.spec import Spec, resource


@resource(
    type="NodeIPs.kubernetes.talos.dev",
    namespace="k8s",
    display="NodeIP",
    aliases=("nodeip", "nip", "nips"),
    all_aliases=("nodeips", "nodeips.kubernetes", "nodeips.kubernetes.talos"),
    proto="talos.resource.definitions.k8s.NodeIPSpec",
)
class NodeIPSpec(Spec):
    """Spec of NodeIPs.kubernetes.talos.dev."""

    addresses: list[str] = []
