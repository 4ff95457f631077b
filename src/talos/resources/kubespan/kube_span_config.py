"""KubeSpanConfig: resource type KubeSpanConfigs.kubespan.talos.dev."""

from __future__ import annotations

from talos.state.spec import Spec, resource


@resource(
    type="KubeSpanConfigs.kubespan.talos.dev",
    namespace="config",
    display="KubeSpanConfig",
    aliases=("kubespanconfig", "ksc", "kscs"),
    all_aliases=("kubespanconfigs", "kubespanconfigs.kubespan", "kubespanconfigs.kubespan.talos"),
    proto="talos.resource.definitions.kubespan.ConfigSpec",
    sensitive=True,
    omit_empty=("mtu", "endpoint_filters", "extra_endpoints", "exclude_advertised_networks"),
)
class ConfigSpec(Spec):
    """Spec of KubeSpanConfigs.kubespan.talos.dev."""

    enabled: bool = False
    cluster_id: str = ""
    shared_secret: str = ""
    force_routing: bool = False
    advertise_kubernetes_networks: bool = False
    mtu: int = 0
    endpoint_filters: list[str] = []
    harvest_extra_endpoints: bool = False
    extra_endpoints: list[str] = []
    exclude_advertised_networks: list[str] = []
