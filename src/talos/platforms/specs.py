"""Specs of links, addresses and routes as platforms and kernel arguments need them: a layer, and few choices."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping

from msgspec import Struct, field

from talos.resources.enums import (
    AddressFlag,
    BondMode,
    BondXmitHashPolicy,
    ClientIdentifier,
    ConfigLayer,
    FailOverMAC,
    Family,
    LACPRate,
    LinkType,
    Operator,
    PrimaryReselect,
    RouteProtocol,
    RouteType,
    RoutingTable,
    Scope,
)
from talos.resources.network import (
    AddressSpecSpec,
    BondMasterSpec,
    BridgeMasterSpec,
    BridgeSlave,
    ClientIdentifierSpec,
    DHCP4OperatorSpec,
    DHCP6OperatorSpec,
    LinkSpecSpec,
    NameServerSpec,
    OperatorSpecSpec,
    ResolverSpecSpec,
    RouteSpecSpec,
    VLANSpec,
)

METRIC = 1024
_BOND_ENUMS = {
    "mode": ("mode", BondMode),
    "xmit_hash_policy": ("xmit_hash_policy", BondXmitHashPolicy),
    "lacp_rate": ("lacp_rate", LACPRate),
    "primary_reselect": ("primary_reselect", PrimaryReselect),
    "fail_over_mac": ("fail_over_mac", FailOverMAC),
}
_BOND_NUMBERS = {
    name: name
    for name in ("miimon", "updelay", "downdelay", "arp_interval", "resend_igmp", "min_links", "lp_interval",
                 "packets_per_slave", "all_slaves_active", "ad_actor_sys_prio", "ad_user_port_key")
} | {"num_grat_arp": "num_peer_notif", "num_unsol_na": "num_peer_notif"}  # fmt: skip


def address(layer: ConfigLayer, link: str, text: str) -> AddressSpecSpec:
    """An address with its prefix length. ValueError."""
    interface = ipaddress.ip_interface(text)
    return AddressSpecSpec(
        address=str(interface),
        link_name=link,
        family=Family.INET4 if interface.version == 4 else Family.INET6,
        scope=Scope.GLOBAL,
        flags=AddressFlag.PERMANENT,
        layer=layer,
    )


def route(
    layer: ConfigLayer, link: str, gateway: str, destination: str = "", metric: int = METRIC, mtu: int = 0
) -> RouteSpecSpec:
    """A route, the default one without a destination. ValueError."""
    to = ipaddress.ip_network(destination, strict=False) if destination not in ("", "default") else None
    via = ipaddress.ip_address(gateway) if gateway else None
    version = via.version if via is not None else to.version if to is not None else 4
    return RouteSpecSpec(
        family=Family.INET4 if version == 4 else Family.INET6,
        dst="" if to is None or to.prefixlen == 0 else str(to),
        gateway=str(via) if via is not None else "",
        out_link_name=link,
        table=RoutingTable.TABLE_MAIN,
        priority=metric,
        scope=Scope.GLOBAL if via is not None else Scope.LINK,
        type=RouteType.UNICAST,
        protocol=RouteProtocol.STATIC,
        mtu=mtu,
        layer=layer,
    )


def dhcp(layer: ConfigLayer, link: str, version: int = 4, metric: int = METRIC) -> OperatorSpecSpec:
    """A DHCP client that names itself by its hardware address."""
    identifier = ClientIdentifierSpec(client_identifier=ClientIdentifier.MAC)
    spec = OperatorSpecSpec(
        operator=Operator.DHCP4 if version == 4 else Operator.DHCP6, link_name=link, require_up=True, layer=layer
    )
    if version == 4:
        spec.dhcp4 = DHCP4OperatorSpec(route_metric=metric, client_identifier=identifier)
    else:
        spec.dhcp6 = DHCP6OperatorSpec(route_metric=metric, client_identifier=identifier)
    return spec


def resolvers(layer: ConfigLayer, servers: list[str], search: list[str]) -> ResolverSpecSpec:
    """DNS servers. ValueError for one that is no address."""
    known = [str(ipaddress.ip_address(server)) for server in servers]
    return ResolverSpecSpec(
        dns_servers=known,
        name_servers=[NameServerSpec(addr=server) for server in known],
        search_domains=search,
        layer=layer,
    )


def bond_master(options: Mapping[str, object]) -> BondMasterSpec:
    """From the bonding driver's own option names (Documentation/networking/bonding.rst). ValueError names what is not
    known."""
    spec = BondMasterSpec()
    for name, value in options.items():
        key, text = name.replace("-", "_"), str(value)
        if key in _BOND_ENUMS:
            attribute, kind = _BOND_ENUMS[key]
            setattr(spec, attribute, kind(int(text)) if text.isdigit() else kind.parse(text))
        elif key in _BOND_NUMBERS:
            setattr(spec, _BOND_NUMBERS[key], int(text))
        elif key == "primary":
            spec.primary = text
        elif key == "arp_ip_target":
            spec.arp_ip_targets = [str(ipaddress.IPv4Address(one)) for one in text.replace("+", ",").split(",")]
        else:
            raise ValueError(f"bond option {name} is not known")
    return spec


class Links(Struct):
    """Links of one layer by name; naming one twice completes it."""

    layer: ConfigLayer
    found: dict[str, LinkSpecSpec] = field(default_factory=dict)

    def link(self, name: str, mtu: int = 0) -> LinkSpecSpec:
        """An existing link that shall be up."""
        spec = self.found.setdefault(name, LinkSpecSpec(name=name, up=True, layer=self.layer))
        spec.mtu = mtu or spec.mtu
        return spec

    def _made(self, name: str, kind: str, mtu: int) -> LinkSpecSpec:
        spec = self.link(name, mtu)
        spec.logical, spec.kind, spec.type = True, kind, LinkType.ETHER
        return spec

    def vlan(self, name: str, parent: str, number: int, mtu: int = 0) -> None:
        """A VLAN on top of a link. ValueError."""
        if not 0 < number < 4095:
            raise ValueError(f"{number} is no VLAN")
        self.link(parent)
        spec = self._made(name, "vlan", mtu)
        spec.parent_name, spec.vlan = parent, VLANSpec(vlan_id=number, vlan_protocol=0x8100)

    def bond(self, name: str, ports: list[str], options: Mapping[str, object], mtu: int = 0) -> None:
        """Several links as one. ValueError."""
        self._made(name, "bond", mtu).bond_master = bond_master(options)
        for index, port in enumerate(ports):
            spec = self.link(port)
            spec.master_name, spec.slave_index = name, index

    def bridge(self, name: str, ports: list[str], mtu: int = 0) -> None:
        """A bridge and its ports."""
        self._made(name, "bridge", mtu).bridge_master = BridgeMasterSpec()
        for port in ports:
            self.link(port).bridge_slave = BridgeSlave(master_name=name)
