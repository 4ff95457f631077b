"""PlatformConfig: resource type PlatformConfigs.net.talos.dev."""

from __future__ import annotations

import msgspec

from talos.resources.network.address_spec import AddressSpecSpec
from talos.resources.network.hostname_spec import HostnameSpecSpec
from talos.resources.network.link_spec import LinkSpecSpec
from talos.resources.network.operator_spec import OperatorSpecSpec
from talos.resources.network.probe_spec import ProbeSpecSpec
from talos.resources.network.resolver_spec import ResolverSpecSpec
from talos.resources.network.route_spec import RouteSpecSpec
from talos.resources.network.time_server_spec import TimeServerSpecSpec
from talos.resources.runtime.platform_metadata import PlatformMetadataSpec
from talos.state.spec import Spec, resource


@resource(
    type="PlatformConfigs.net.talos.dev",
    namespace="network",
    display="PlatformConfig",
    aliases=("platformconfig", "pc", "pcs"),
    all_aliases=("platformconfigs", "platformconfigs.net", "platformconfigs.net.talos"),
    proto="talos.resource.definitions.network.PlatformConfigSpec",
    omit_empty=("probes", "metadata"),
)
class PlatformConfigSpec(Spec):
    """Spec of PlatformConfigs.net.talos.dev."""

    addresses: list[AddressSpecSpec] = []
    links: list[LinkSpecSpec] = []
    routes: list[RouteSpecSpec] = []
    hostnames: list[HostnameSpecSpec] = []
    resolvers: list[ResolverSpecSpec] = []
    time_servers: list[TimeServerSpecSpec] = []
    operators: list[OperatorSpecSpec] = []
    external_ips: list[str] = msgspec.field(default_factory=list, name="externalIPs")
    probes: list[ProbeSpecSpec] = []
    metadata: PlatformMetadataSpec | None = None
