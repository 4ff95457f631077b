"""ResolverStatus: resource type ResolverStatuses.net.talos.dev."""

from __future__ import annotations

from talos.resources.network.name_server import NameServerSpec
from talos.state.spec import Spec, resource


@resource(
    type="ResolverStatuses.net.talos.dev",
    namespace="network",
    display="ResolverStatus",
    aliases=("resolvers", "resolverstatus", "rs"),
    all_aliases=("resolverstatuses", "resolverstatuses.net", "resolverstatuses.net.talos"),
    columns=(("Resolvers", "{.dnsServers}"), ("Search Domains", "{.searchDomains}")),
    proto="talos.resource.definitions.network.ResolverStatusSpec",
    omit_empty=("name_servers",),
)
class ResolverStatusSpec(Spec):
    """Spec of ResolverStatuses.net.talos.dev."""

    dns_servers: list[str] = []
    name_servers: list[NameServerSpec] = []
    search_domains: list[str] = []
