"""KubernetesAccessConfig: resource type KubernetesAccessConfigs.cluster.talos.dev."""

from __future__ import annotations

import msgspec

from talos.state.spec import Spec, resource


@resource(
    type="KubernetesAccessConfigs.cluster.talos.dev",
    namespace="config",
    display="KubernetesAccessConfig",
    aliases=("kubernetesaccessconfig", "kac", "kacs"),
    all_aliases=("kubernetesaccessconfigs", "kubernetesaccessconfigs.cluster", "kubernetesaccessconfigs.cluster.talos"),
    proto="talos.resource.definitions.kubeaccess.ConfigSpec",
)
class ConfigSpec(Spec):
    """Spec of KubernetesAccessConfigs.cluster.talos.dev."""

    enabled: bool = False
    allowed_api_roles: list[str] = msgspec.field(default_factory=list, name="allowedAPIRoles")
    allowed_kubernetes_namespaces: list[str] = []
