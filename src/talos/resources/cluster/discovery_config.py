"""DiscoveryConfig: resource type DiscoveryConfigs.cluster.talos.dev."""

from __future__ import annotations

import msgspec

from talos.state.spec import Part, Spec, resource


class ServiceEndpoint(Part):
    """Message ServiceEndpoint of the wire contract."""

    name: str = ""
    endpoint: str = ""
    insecure: bool = False


@resource(
    type="DiscoveryConfigs.cluster.talos.dev",
    namespace="config",
    display="DiscoveryConfig",
    aliases=("discoveryconfig", "dc", "dcs"),
    all_aliases=("discoveryconfigs", "discoveryconfigs.cluster", "discoveryconfigs.cluster.talos"),
    proto="talos.resource.definitions.cluster.ConfigSpec",
    sensitive=True,
    omit_empty=("service_endpoint_insecure",),
)
class ConfigSpec(Spec):
    """Spec of DiscoveryConfigs.cluster.talos.dev."""

    discovery_enabled: bool = False
    registry_kubernetes_enabled: bool = False
    registry_service_enabled: bool = False
    service_endpoint: str = ""
    service_endpoint_insecure: bool = False
    service_encryption_key: bytes = b""
    service_cluster_id: str = msgspec.field(default="", name="serviceClusterID")
    service_endpoints: list[ServiceEndpoint] = []
