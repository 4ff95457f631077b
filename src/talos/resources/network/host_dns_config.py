"""HostDNSConfig: resource type HostDNSConfigs.net.talos.dev."""

from __future__ import annotations

import msgspec

from talos.state.spec import Spec, resource


@resource(
    type="HostDNSConfigs.net.talos.dev",
    namespace="network",
    display="HostDNSConfig",
    aliases=("hostdnsconfig", "hdnsc", "hdnscs"),
    all_aliases=("hostdnsconfigs", "hostdnsconfigs.net", "hostdnsconfigs.net.talos"),
    columns=(("Enabled", "{.enabled}"),),
    proto="talos.resource.definitions.network.HostDNSConfigSpec",
    omit_empty=("listen_addresses", "service_host_dns_address", "resolve_member_names", "service_host_dns_address_v6"),
)
class HostDNSConfigSpec(Spec):
    """Spec of HostDNSConfigs.net.talos.dev."""

    enabled: bool = False
    listen_addresses: list[str] = []
    service_host_dns_address: str = msgspec.field(default="", name="serviceHostDNSAddress")
    resolve_member_names: bool = False
    service_host_dns_address_v6: str = msgspec.field(default="", name="serviceHostDNSAddressV6")
