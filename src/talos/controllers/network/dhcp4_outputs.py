"""What a DHCPv4 lease says, as specs of the layer `operator`."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from talos.linux.dhcp4 import Lease
from talos.resources.enums import AddressFlag, ConfigLayer, Family, RouteProtocol, RouteType, RoutingTable, Scope
from talos.resources.network import (
    AddressSpecSpec,
    DHCP4OperatorSpec,
    HostnameSpecSpec,
    LinkSpecSpec,
    NameServerSpec,
    ResolverSpecSpec,
    RouteSpecSpec,
    TimeServerSpecSpec,
)
from talos.state.spec import Spec

_LAYER = ConfigLayer.OPERATOR


def outputs(link_name: str, options: DHCP4OperatorSpec, lease: Lease) -> Iterator[tuple[str, Spec]]:
    """(id after merging, spec)."""
    yield (
        f"{link_name}/{lease.address}",
        AddressSpecSpec(
            address=str(lease.address),
            link_name=link_name,
            family=Family.INET4,
            flags=AddressFlag.PERMANENT,
            priority=options.route_metric,
            layer=_LAYER,
        ),
    )
    if lease.mtu:
        yield link_name, LinkSpecSpec(name=link_name, up=True, mtu=lease.mtu, layer=_LAYER)
    if not options.skip_routes:
        for route in _routes(link_name, options.route_metric, lease):
            yield f"{link_name}/{route.family.text}/{route.gateway}/{route.dst}/{route.priority}", route
    if lease.dns or lease.search or lease.domain:
        yield (
            "resolvers",
            ResolverSpecSpec(
                dns_servers=[str(server) for server in lease.dns],
                name_servers=[NameServerSpec(addr=str(server)) for server in lease.dns],
                search_domains=list(lease.search) or ([lease.domain] if lease.domain else []),
                layer=_LAYER,
            ),
        )
    if lease.ntp:
        yield "timeservers", TimeServerSpecSpec(time_servers=[str(server) for server in lease.ntp], layer=_LAYER)
    if lease.hostname and not options.skip_hostname_request:
        host, _, domain = lease.hostname.partition(".")
        yield "hostname", HostnameSpecSpec(hostname=host, domainname=domain or lease.domain, layer=_LAYER)


def _routes(link_name: str, metric: int, lease: Lease) -> Iterator[RouteSpecSpec]:
    reachable = [lease.address.network]
    unspecified = ipaddress.IPv4Address(0)
    for destination, gateway in lease.routes:
        if gateway == unspecified:
            reachable.append(destination)
            yield _route(link_name, metric, lease, str(destination), "")
    for destination, gateway in lease.routes:
        if gateway == unspecified:
            continue
        if not any(gateway in network for network in reachable):  # a /32 address: the gateway itself is on the link
            host = ipaddress.IPv4Network(gateway)
            reachable.append(host)
            yield _route(link_name, metric, lease, str(host), "")
        yield _route(link_name, metric, lease, "" if destination.prefixlen == 0 else str(destination), str(gateway))


def _route(link_name: str, metric: int, lease: Lease, destination: str, gateway: str) -> RouteSpecSpec:
    return RouteSpecSpec(
        family=Family.INET4,
        dst=destination,
        src=str(lease.address.ip),
        gateway=gateway,
        out_link_name=link_name,
        table=RoutingTable.TABLE_MAIN,
        priority=metric,
        scope=Scope.GLOBAL if gateway else Scope.LINK,
        type=RouteType.UNICAST,
        protocol=RouteProtocol.BOOT,
        layer=_LAYER,
    )
