"""How members of the cluster find each other.

A configuration without a discovery service names no place outside the cluster to meet at. The members then stand in
Kubernetes itself: each node describes itself in annotations of its Node.

The discovery service is not carried out by this version. A configuration that names one (as all of `gen config` do)
is served by the same registry meanwhile, even where that is off: a node that knows only itself has no members and no
health of a cluster.
"""

from __future__ import annotations

from base64 import b64decode
from urllib.parse import urlsplit

from talos.config import Config
from talos.config.view.model import Discovery
from talos.controllers.transform import ConfigTransform
from talos.resources.cluster import ConfigSpec, ServiceEndpoint
from talos.state import Output


class ConfigController(ConfigTransform):
    """MachineConfig -> DiscoveryConfig "cluster"."""

    name = "cluster.ConfigController"
    outputs = (Output(ConfigSpec),)
    kind = ConfigSpec
    id = "cluster"

    def render(self, config: Config) -> ConfigSpec | None:
        if not config.machine.configured:
            return None
        discovery = config.cluster.discovery
        if discovery == Discovery():
            return ConfigSpec(discovery_enabled=True, registry_kubernetes_enabled=True)
        if not discovery.enabled:
            return ConfigSpec()
        endpoints = [_endpoint(s.name, s.endpoint) for s in discovery.services]
        return ConfigSpec(
            discovery_enabled=True,
            registry_kubernetes_enabled=discovery.kubernetes_registry or bool(endpoints),
            registry_service_enabled=bool(endpoints),
            service_endpoint=endpoints[0].endpoint if endpoints else "",
            service_endpoint_insecure=endpoints[0].insecure if endpoints else False,
            service_encryption_key=b64decode(config.cluster.secret) if endpoints else b"",
            service_cluster_id=config.cluster.id if endpoints else "",
            service_endpoints=endpoints,
        )


def _endpoint(name: str, url: str) -> ServiceEndpoint:
    parts = urlsplit(url)
    insecure = parts.scheme == "http"
    port = parts.port or (80 if insecure else 443)
    return ServiceEndpoint(name=name, endpoint=f"{parts.hostname}:{port}", insecure=insecure)
