"""DNSUpstream: resource type DNSUpstreams.net.talos.dev."""

from __future__ import annotations

from talos.state.spec import Spec, resource


@resource(
    type="DNSUpstreams.net.talos.dev",
    namespace="network",
    display="DNSUpstream",
    aliases=("dnsupstream", "dnsu", "dnsus"),
    all_aliases=("dnsupstreams", "dnsupstreams.net", "dnsupstreams.net.talos"),
    columns=(("Healthy", "{.healthy}"), ("Address", "{.addr}")),
    forms={"healthy": "quoted"},
)
class DNSUpstreamSpecSpec(Spec):
    """Spec of DNSUpstreams.net.talos.dev."""

    addr: str = ""
    healthy: bool = False
