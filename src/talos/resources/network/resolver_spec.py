"""ResolverSpec: resource type ResolverSpecs.net.talos.dev."""

from __future__ import annotations

from talos.resources.enums import ConfigLayer
from talos.resources.network.name_server import NameServerSpec
from talos.state.spec import Spec, resource


@resource(
    type="ResolverSpecs.net.talos.dev",
    namespace="network",
    display="ResolverSpec",
    aliases=("resolverspec", "rs"),
    all_aliases=("resolverspecs", "resolverspecs.net", "resolverspecs.net.talos"),
    columns=(("Layer", "{.layer}"), ("Resolvers", "{.dnsServers}"), ("Search Domains", "{.searchDomains}")),
    proto="talos.resource.definitions.network.ResolverSpecSpec",
    omit_empty=("name_servers", "search_domains", "search_domains_overridden"),
    proto_names={"layer": "config_layer"},
)
class ResolverSpecSpec(Spec):
    """Spec of ResolverSpecs.net.talos.dev."""

    dns_servers: list[str] = []
    name_servers: list[NameServerSpec] = []
    layer: ConfigLayer = ConfigLayer.DEFAULT
    search_domains: list[str] = []
    search_domains_overridden: bool = False
