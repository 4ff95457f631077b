"""Links by layer: loopback and hardware that nobody has named (default), the platform's, the configured ones.

A container's links are its runtime's: there no link is brought up by default.
"""

from __future__ import annotations

from datetime import timedelta
from ipaddress import ip_network

from talos.config.view.model import Link
from talos.config.view.wireguard import Wireguard
from talos.controllers import machine_config
from talos.controllers.network import bond_options
from talos.controllers.network.layers import CONFIG_NAMESPACE, layered_id
from talos.controllers.network.physical import hardware, unnamed
from talos.controllers.network.selectors import resolved
from talos.controllers.publish import publish
from talos.resources.enums import ConfigLayer, LinkType, RoutingTable
from talos.resources.network import (
    BridgeMasterSpec,
    BridgeSlave,
    BridgeVLANSpec,
    LinkSpecSpec,
    LinkStatusSpec,
    PlatformConfigSpec,
    STPSpec,
    VethSpec,
    VLANSpec,
    VRFMasterSpec,
    VRFSlave,
    WireguardPeer,
    WireguardSpec,
)
from talos.state.controller import SHARED, Controller, Input, Output
from talos.state.runtime import Runtime

_LAYER = ConfigLayer.MACHINE_CONFIGURATION
_ETHERTYPE = {"802.1q": 0x8100, "802.1ad": 0x88A8}


def link_spec(link: Link) -> LinkSpecSpec:
    """Spec of a configured link."""
    spec = LinkSpecSpec(
        name=link.name,
        logical=bool(link.kind),
        up=link.up,
        mtu=link.mtu,
        kind=link.kind,
        type=(LinkType.NONE if link.wireguard else LinkType.ETHER) if link.kind else LinkType.NETROM,
        hardware_addr=link.hardware_addr,
        parent_name=link.parent,
        layer=_LAYER,
        multicast=bool(link.multicast),
    )
    if link.kind == "vlan":
        spec.vlan = VLANSpec(vlan_id=link.vlan_id, vlan_protocol=_ETHERTYPE.get(link.vlan_protocol, 0x8100))
    if link.kind == "bridge":
        spec.bridge_master = BridgeMasterSpec(
            stp=STPSpec(enabled=link.stp), vlan=BridgeVLANSpec(filtering_enabled=link.vlan_filtering)
        )
    if link.kind == "bond":
        spec.bond_master, _unknown = bond_options.options(link)
    if link.kind == "veth":
        spec.veth = VethSpec(peer_name=link.peer)
    if link.kind == "vrf":
        spec.vrf_master = VRFMasterSpec(table=routing_table(link.table))
    if link.wireguard is not None:
        spec.wireguard = wireguard_spec(link.wireguard)
    return spec


def wireguard_spec(given: Wireguard) -> WireguardSpec:
    """Keys and peers of a configured WireGuard link."""
    return WireguardSpec(
        private_key=given.private_key,
        listen_port=given.listen_port,
        firewall_mark=given.firewall_mark,
        peers=[
            WireguardPeer(
                public_key=peer.public_key,
                preshared_key=peer.preshared_key,
                endpoint=peer.endpoint,
                persistent_keepalive_interval=timedelta(microseconds=peer.keepalive_ns // 1000),
                allowed_ips=[str(ip_network(text, strict=False)) for text in peer.allowed_ips],
            )
            for peer in given.peers
        ],
    )


def routing_table(text: str) -> RoutingTable:
    """A table by name or number; empty is main."""
    if not text:
        return RoutingTable.TABLE_MAIN
    return RoutingTable(int(text)) if text.isdigit() else RoutingTable.parse(text)


def link_specs(links: tuple[Link, ...]) -> dict[str, LinkSpecSpec]:
    """Specs of all configured links by name; ports point at their master."""
    specs = {link.name: link_spec(link) for link in links if link.name}
    for link in links:
        for number, port in enumerate(link.ports):
            slave = specs.setdefault(port, LinkSpecSpec(name=port, up=True, layer=_LAYER))
            if link.kind == "bridge":
                slave.bridge_slave = BridgeSlave(master_name=link.name)
            elif link.kind == "vrf":
                slave.vrf_slave = VRFSlave(master_name=link.name)
            elif link.kind == "bond":
                slave.master_name, slave.slave_index = link.name, number
    return specs


class LinkConfigController(Controller):
    name = "network.LinkConfigController"
    inputs = (machine_config.ACTIVE_CONFIG, Input(PlatformConfigSpec, id="active"), Input(LinkStatusSpec))
    outputs = (Output(LinkSpecSpec, SHARED),)

    async def reconcile(self, rt: Runtime) -> None:
        config = await machine_config.active(rt)
        desired = {layered_id(ConfigLayer.DEFAULT, "lo"): LinkSpecSpec(name="lo", up=True)}
        platform = await rt.get_or_none(PlatformConfigSpec, "active")
        links = await rt.list(LinkStatusSpec)
        for name in unnamed(rt.env, links, config, platform.spec if platform is not None else None):
            desired[layered_id(ConfigLayer.DEFAULT, name)] = LinkSpecSpec(name=name, up=True)
        if platform is not None:
            desired |= {layered_id(spec.layer, spec.name): spec for spec in platform.spec.links}
        if config is not None:
            for name, spec in link_specs(resolved(config.network.links, hardware(links))).items():
                desired[layered_id(_LAYER, name)] = spec
        await publish(rt, LinkSpecSpec, desired, namespace=CONFIG_NAMESPACE)
