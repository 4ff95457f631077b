"""Faults of ``machine.network``: what could not be set up on any machine."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ipaddress import ip_address, ip_interface

from talos.config import checks
from talos.config.v1alpha1.network import Bond, Device, DeviceVIPConfig, DeviceWireguardConfig, NetworkConfig, Route


def network_problems(network: NetworkConfig) -> Iterator[str]:
    """Faults of all of it."""
    for number, device in enumerate(network.interfaces):
        yield from _device(device, f"machine.network.interfaces[{number}]")
    yield from checks.addresses("machine.network.nameservers", network.nameservers)
    yield from checks.words("machine.network.searchDomains", network.search_domains)
    for number, entry in enumerate(network.extra_host_entries):
        path = f"machine.network.extraHostEntries[{number}]"
        yield from _address(f"{path}.ip", entry.ip)
        if not entry.aliases:
            yield f"{path}.aliases needs at least one name"
        yield from checks.words(f"{path}.aliases", entry.aliases)


def _device(device: Device, path: str) -> Iterator[str]:
    if not device.interface and device.device_selector is None:
        yield f"{path} needs interface or deviceSelector"
    if device.interface and device.device_selector is not None:
        yield f"{path}: interface and deviceSelector exclude each other"
    if device.bond is not None and device.bridge is not None:
        yield f"{path}: bond and bridge exclude each other"
    yield from _addressing(path, device.addresses, device.cidr, device.routes, device.vip)
    if device.bond is not None:
        yield from _bond(f"{path}.bond", device.bond)
    if device.wireguard is not None:
        yield from _wireguard(f"{path}.wireguard", device.wireguard)
    ids = [vlan.vlan_id for vlan in device.vlans]
    for number, vlan in enumerate(device.vlans):
        here = f"{path}.vlans[{number}]"
        if not 1 <= vlan.vlan_id <= 4094:
            yield f"{here}.vlanId is {vlan.vlan_id}, must be from 1 to 4094"
        elif ids.index(vlan.vlan_id) != number:
            yield f"{here}.vlanId {vlan.vlan_id} stands twice"
        yield from _addressing(here, vlan.addresses, vlan.cidr, vlan.routes, vlan.vip)


def _addressing(
    path: str, addresses: Iterable[str], cidr: str, routes: Iterable[Route], vip: DeviceVIPConfig | None
) -> Iterator[str]:
    for text in (*addresses, *([cidr] if cidr else ())):
        try:
            ip_interface(text)
        except ValueError:
            yield f"{path}.addresses: {text!r} is no address such as 10.0.0.2/24"
    for route in routes:
        if not route.network and not route.gateway:
            yield f"{path}.routes: a route needs network, gateway or both"
        if route.network:
            yield from _network(f"{path}.routes.network", route.network)
        for key, text in (("gateway", route.gateway), ("source", route.source.partition("/")[0])):
            if text:
                yield from _address(f"{path}.routes.{key}", text)
    if vip is not None and vip.ip:
        yield from _address(f"{path}.vip.ip", vip.ip)


def _bond(path: str, bond: Bond) -> Iterator[str]:
    if not bond.mode:
        yield f"{path}.mode is required"
    if not bond.interfaces and not bond.device_selectors:
        yield f"{path} needs interfaces or deviceSelectors"


def _wireguard(path: str, config: DeviceWireguardConfig) -> Iterator[str]:
    yield from checks.wireguard_key(f"{path}.privateKey", config.private_key)
    peers = ((peer.public_key, "", peer.persistent_keepalive_interval) for peer in config.peers)
    yield from checks.wireguard_link(f"{path}.", config.listen_port, config.firewall_mark, peers)
    for number, peer in enumerate(config.peers):
        here = f"{path}.peers[{number}]"
        if not peer.public_key:
            yield f"{here}.publicKey is required"
        for text in peer.allowed_ips:
            yield from _network(f"{here}.allowedIPs", text)
        host, colon, port = peer.endpoint.rpartition(":")
        if peer.endpoint and not (host and colon and port.isdigit() and int(port) < 65536):
            yield f"{here}.endpoint is {peer.endpoint!r}, must be ADDRESS:PORT"


def _network(path: str, text: str) -> Iterator[str]:
    try:
        ip_interface(text)
    except ValueError:
        yield f"{path} is {text!r}, must be a subnet such as 10.0.0.0/8"


def _address(path: str, text: str) -> Iterator[str]:
    try:
        ip_address(text)
    except ValueError:
        yield f"{path} is {text!r}, must be an IP address"
