"""Names, links, resolvers, time: what networkd and timed turn into resources.

Links of every kind come out as one list, whichever layout they were written in. A legacy device that is chosen by a
selector instead of a name has an empty ``name`` and its ``selector``.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Any

import msgspec

from talos.config.encode import struct_plain
from talos.config.network.addressing import AddressConfig, RouteConfig
from talos.config.network.bond_config import BondConfig
from talos.config.network.bridge_config import BridgeConfig
from talos.config.network.dhcpv4_config import DHCPv4Config
from talos.config.network.dhcpv6_config import DHCPv6Config
from talos.config.network.dummy_link_config import DummyLinkConfig
from talos.config.network.hostname_config import HostnameConfig
from talos.config.network.layer2_vip_config import Layer2VIPConfig
from talos.config.network.link_config import LinkConfig
from talos.config.network.network_default_action_config import NetworkDefaultActionConfig
from talos.config.network.network_rule_config import NetworkRuleConfig
from talos.config.network.resolver_config import ResolverConfig
from talos.config.network.static_host_config import StaticHostConfig
from talos.config.network.time_sync_config import TimeSyncConfig
from talos.config.network.veth_config import VethConfig
from talos.config.network.vlan_config import VLANConfig
from talos.config.network.vrf_config import VRFConfig
from talos.config.network.wireguard_config import WireguardConfig
from talos.config.v1alpha1.config import V1Alpha1
from talos.config.v1alpha1.machine import MachineConfig
from talos.config.v1alpha1.network import Device, DHCPOptions, NetworkConfig
from talos.config.v1alpha1.network import Route as LegacyRoute
from talos.config.view.model import (
    DHCP,
    Address,
    Firewall,
    FirewallRule,
    Hostname,
    Link,
    NameServer,
    Resolvers,
    Route,
    StaticHost,
    TimeSync,
    VirtualIP,
)
from talos.config.view.wireguard import wireguard

if TYPE_CHECKING:
    from talos.config.config import Config
    from talos.config.view.probes import Probe


class NetworkView:
    """``cfg.network``."""

    def __init__(self, config: Config) -> None:
        self._config = config

    @cached_property
    def _machine(self) -> MachineConfig:
        document = self._config.get(V1Alpha1)
        return (document.machine if document else None) or MachineConfig()

    @cached_property
    def _legacy(self) -> NetworkConfig:
        return self._machine.network or NetworkConfig()

    @cached_property
    def hostname(self) -> Hostname:
        """Static name, or how to derive one."""
        if document := self._config.get(HostnameConfig):
            return Hostname(document.hostname, document.auto or ("off" if document.hostname else "talos-addr"))
        stable = self._machine.features and self._machine.features.stable_hostname
        return Hostname(self._legacy.hostname, "stable" if stable else "talos-addr")

    @cached_property
    def links(self) -> tuple[Link, ...]:
        """Links to configure or create, in order."""
        return (
            *(link for device in self._legacy.interfaces for link in _legacy_links(device)),
            *self._document_links(),
        )

    def _document_links(self) -> Iterator[Link]:
        for d in self._config.documents:
            match d:
                case LinkConfig():
                    yield _link(d)
                case DummyLinkConfig():
                    yield _link(d, kind="dummy", hardware_addr=d.hardware_addr)
                case BridgeConfig():
                    yield _link(
                        d,
                        kind="bridge",
                        hardware_addr=d.hardware_addr,
                        ports=tuple(d.links),
                        stp=bool(d.stp.enabled),
                        vlan_filtering=bool(d.vlan.filtering),
                    )
                case BondConfig():
                    bond = {k: v for k, v in struct_plain(d).items() if k not in _COMMON}
                    yield _link(d, kind="bond", hardware_addr=d.hardware_addr, ports=tuple(d.links), bond=bond)
                case VLANConfig():
                    yield _link(
                        d, kind="vlan", parent=d.parent, vlan_id=d.vlan_id, vlan_protocol=d.vlan_mode or "802.1q"
                    )
                case VRFConfig():
                    yield _link(d, kind="vrf", hardware_addr=d.hardware_addr, ports=tuple(d.links), table=d.table)
                case WireguardConfig():
                    yield _link(d, kind="wireguard", wireguard=wireguard(d))
                case VethConfig():
                    yield _link(d, kind="veth", peer=d.peer.name)
                    yield msgspec.structs.replace(_link(d.peer), kind="veth", peer=d.name)

    @cached_property
    def probes(self) -> tuple[Probe, ...]:
        """What has to answer for the network to count as up."""
        from talos.config.view.probes import probes

        return probes(self._config)

    @cached_property
    def ignored_links(self) -> tuple[str, ...]:
        """Names of links that must be left alone (legacy ``ignore``)."""
        return tuple(d.interface for d in self._legacy.interfaces if d.ignore and d.interface)

    @cached_property
    def dhcp(self) -> tuple[DHCP, ...]:
        """DHCPv4 clients that the configuration asks for."""
        found: list[DHCP] = []
        for device in self._legacy.interfaces:
            if device.dhcp and not device.ignore:
                for client in _legacy_dhcp(device.interface, device.dhcp_options):
                    selector = struct_plain(device.device_selector) if device.device_selector else {}
                    found.append(msgspec.structs.replace(client, selector=selector))
            for vlan in device.vlans:
                if vlan.dhcp:
                    found += _legacy_dhcp(f"{device.interface}.{vlan.vlan_id}", vlan.dhcp_options)
        for v4 in self._config.get_all(DHCPv4Config):
            found.append(
                DHCP(
                    v4.name,
                    4,
                    v4.route_metric,
                    bool(v4.ignore_hostname),
                    bool(v4.ignore_routes),
                    v4.client_identifier or "mac",
                    v4.duid_raw,
                )
            )
        return tuple(client for client in found if client.family == 4)

    @cached_property
    def dhcp6(self) -> tuple[DHCP, ...]:
        """DHCPv6 clients that the configuration asks for."""
        found: list[DHCP] = []
        for device in self._legacy.interfaces:
            if device.dhcp and not device.ignore:
                found += _legacy_dhcp(device.interface, device.dhcp_options)
        found += (
            DHCP(d.name, 6, d.route_metric, bool(d.ignore_hostname), False, d.client_identifier or "mac", d.duid_raw)
            for d in self._config.get_all(DHCPv6Config)
        )
        return tuple(client for client in found if client.family == 6)

    @property
    def default_dhcp(self) -> bool:
        """Whether links without any configuration run DHCP: yes unless a document configures a link or DHCPv4.

        A legacy device only speaks for itself, so it does not end DHCP on the others.
        """
        return not any(self._document_links()) and not any(self._config.get_all(DHCPv4Config))

    @cached_property
    def firewall(self) -> Firewall:
        """What may come in."""
        action = self._config.get(NetworkDefaultActionConfig)
        rules = tuple(
            FirewallRule(
                rule.name,
                rule.port_selector.protocol,
                tuple(_ports(ports) for ports in rule.port_selector.ports),
                tuple((ingress.subnet, ingress.except_) for ingress in rule.ingress),
            )
            for rule in self._config.get_all(NetworkRuleConfig)
        )
        return Firewall(action is not None and action.ingress == "block", rules)

    @cached_property
    def virtual_ips(self) -> tuple[VirtualIP, ...]:
        """Shared layer 2 addresses."""
        legacy = []
        for device in self._legacy.interfaces:
            if device.vip and device.vip.ip and not device.ignore:
                legacy.append(VirtualIP(device.vip.ip, device.interface))
            for vlan in device.vlans:
                if vlan.vip and vlan.vip.ip:
                    legacy.append(VirtualIP(vlan.vip.ip, f"{device.interface}.{vlan.vlan_id}"))
        return tuple(legacy + [VirtualIP(d.name, d.link) for d in self._config.get_all(Layer2VIPConfig)])

    @cached_property
    def resolvers(self) -> Resolvers:
        """Upstream DNS servers (empty = platform's or default) and the host's DNS cache."""
        legacy = self._legacy
        features = self._machine.features
        host_dns = features.host_dns if features else None
        if document := self._config.get(ResolverConfig):
            # A document that names servers only says nothing of the cache.
            said = document.host_dns if document.host_dns.enabled is not None or host_dns is None else host_dns
            servers = tuple(
                NameServer(n.address, n.protocol or "Do53", n.tls_server_name) for n in document.nameservers
            )
            return Resolvers(
                nameservers=servers or tuple(NameServer(n) for n in legacy.nameservers),
                search_domains=tuple(document.search_domains.domains or legacy.search_domains),
                disable_search_domain=bool(document.search_domains.disable_default or legacy.disable_search_domain),
                host_dns=bool(said.enabled),
                forward_kube_dns=bool(said.forward_kube_dns_to_host),
                resolve_member_names=bool(said.resolve_member_names),
            )
        return Resolvers(
            nameservers=tuple(NameServer(n) for n in legacy.nameservers),
            search_domains=tuple(legacy.search_domains),
            disable_search_domain=bool(legacy.disable_search_domain),
            host_dns=bool(host_dns and host_dns.enabled),
            forward_kube_dns=bool(host_dns and host_dns.forward_kube_dns_to_host),
            resolve_member_names=bool(host_dns and host_dns.resolve_member_names),
        )

    @cached_property
    def static_hosts(self) -> tuple[StaticHost, ...]:
        """Lines of /etc/hosts."""
        legacy = [StaticHost(h.ip, tuple(h.aliases)) for h in self._legacy.extra_host_entries]
        documents = [StaticHost(d.name, tuple(d.hostnames)) for d in self._config.get_all(StaticHostConfig)]
        return tuple(legacy + documents)

    @cached_property
    def time(self) -> TimeSync:
        """Clock synchronization."""
        if document := self._config.get(TimeSyncConfig):
            return TimeSync(
                enabled=document.enabled is not False,
                boot_timeout_s=document.boot_timeout.seconds,
                servers=tuple(document.ntp.servers) if document.ntp else (),
                use_nts=bool(document.ntp and document.ntp.use_nts),
                ptp_devices=tuple(document.ptp.devices) if document.ptp else (),
            )
        legacy = self._machine.time
        if legacy is None:
            return TimeSync()
        return TimeSync(not legacy.disabled, legacy.boot_timeout.seconds, tuple(legacy.servers))


def _ports(text: str) -> tuple[int, int]:
    first, _, last = text.partition("-")
    return int(first), int(last or first)


_COMMON = frozenset(("name", "hardwareAddr", "links", "up", "mtu", "addresses", "routes", "multicast"))


def _link(d: Any, **more: Any) -> Link:
    """What all kinds of link document have in common."""
    return Link(
        name=d.name,
        up=d.up is not False,
        mtu=d.mtu,
        addresses=tuple(_address(a) for a in d.addresses),
        routes=tuple(_route(r) for r in d.routes),
        multicast=d.multicast,
        **more,
    )


def _address(a: AddressConfig) -> Address:
    return Address(a.address, a.route_priority)


def _route(r: RouteConfig) -> Route:
    return Route(r.destination, r.gateway, r.source, r.metric, r.mtu, r.table)


def _legacy_routes(routes: list[LegacyRoute]) -> tuple[Route, ...]:
    return tuple(Route(r.network, r.gateway, r.source, r.metric, r.mtu) for r in routes)


def _legacy_links(device: Device) -> Iterator[Link]:
    if device.ignore:
        return
    addresses = [*device.addresses, *([device.cidr] if device.cidr else [])]
    kind = ""
    more: dict[str, Any] = {}
    if device.dummy:
        kind = "dummy"
    elif device.bridge:
        kind = "bridge"
        more = {
            "ports": tuple(device.bridge.interfaces),
            "stp": bool(device.bridge.stp and device.bridge.stp.enabled),
            "vlan_filtering": bool(device.bridge.vlan and device.bridge.vlan.vlan_filtering),
        }
    elif device.bond:
        kind = "bond"
        options = struct_plain(device.bond)
        more = {"ports": tuple(options.pop("interfaces")), "bond": {"bondMode": options.pop("mode"), **options}}
    elif device.wireguard:
        kind, more = "wireguard", {"wireguard": wireguard(device.wireguard)}
    yield Link(
        name=device.interface,
        kind=kind,
        selector=struct_plain(device.device_selector) if device.device_selector else {},
        mtu=device.mtu,
        addresses=tuple(Address(a) for a in addresses),
        routes=_legacy_routes(device.routes),
        **more,
    )
    for vlan in device.vlans:
        yield Link(
            name=f"{device.interface}.{vlan.vlan_id}",
            kind="vlan",
            parent=device.interface,
            vlan_id=vlan.vlan_id,
            mtu=vlan.mtu,
            addresses=tuple(Address(a) for a in [*vlan.addresses, *([vlan.cidr] if vlan.cidr else [])]),
            routes=_legacy_routes(vlan.routes),
        )


def _legacy_dhcp(link: str, options: DHCPOptions | None) -> list[DHCP]:
    metric = options.route_metric if options else 0
    found = [DHCP(link, 4, metric)] if options is None or options.ipv4 is not False else []
    if options and options.ipv6:
        found.append(DHCP(link, 6, metric, duid=options.duidv6, client_identifier="duid" if options.duidv6 else "mac"))
    return found
