"""NodeIPConfig: resource type NodeIPConfigs.kubernetes.talos.dev."""

from __future__ import annotations

from talos.state.spec import Spec, resource


@resource(
    type="NodeIPConfigs.kubernetes.talos.dev",
    namespace="k8s",
    display="NodeIPConfig",
    aliases=("nodeipconfig", "nipc", "nipcs"),
    all_aliases=("nodeipconfigs", "nodeipconfigs.kubernetes", "nodeipconfigs.kubernetes.talos"),
    proto="talos.resource.definitions.k8s.NodeIPConfigSpec",
    omit_empty=("valid_subnets",),
)
class NodeIPConfigSpec(Spec):
    """Spec of NodeIPConfigs.kubernetes.talos.dev."""

    valid_subnets: list[str] = []
    exclude_subnets: list[str] = []
