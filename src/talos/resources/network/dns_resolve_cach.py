"""DNSResolveCach: resource type DNSResolveCaches.net.talos.dev."""

from __future__ import annotations

from talos.state.spec import Spec, resource


@resource(
    type="DNSResolveCaches.net.talos.dev",
    namespace="network",
    display="DNSResolveCach",
    aliases=("dnsresolvecach", "dnsrc", "dnsrcs"),
    all_aliases=("dnsresolvecaches", "dnsresolvecaches.net", "dnsresolvecaches.net.talos"),
    columns=(("Status", "{.status}"),),
    proto="talos.resource.definitions.network.DNSResolveCacheSpec",
)
class DNSResolveCacheSpec(Spec):
    """Spec of DNSResolveCaches.net.talos.dev."""

    status: str = ""
