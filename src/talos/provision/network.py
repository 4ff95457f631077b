"""The network of a cluster: one bridge, NAT and port mappings in one nftables table, a veth pair per node start, or a
TAP device per machine.

The host's end of a pair is a port of the bridge, the other end is eth0 of a fresh network namespace. A node gets a new
namespace at each start, as a machine has no network state after a reboot. Names derive from the cluster's folder, so
removal needs no memory of what was made.
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from talos.linux import netlink as nl
from talos.linux.namespace import network_namespace, new_network_namespace
from talos.linux.netlink_socket import RouteSocket
from talos.linux.tap import open_tap
from talos.provision import chaos
from talos.provision.bundle import prefixed
from talos.provision.model import ClusterDirectory, ClusterModel, NodeModel, PortMapping, ProvisionError, host_port
from talos.provision.subnet import Network

EVERYWHERE = ("0.0.0.0", "::", "")
"""--host-ip: every address of this host, of the families that the cluster has"""


def taken_networks() -> list[Network]:
    """Networks that this host routes or has addresses in."""
    with RouteSocket() as route_socket:
        found = [
            route.destination
            for route in route_socket.routes()
            if route.destination is not None and route.table != nl.RT_TABLE_LOCAL
        ]
        found += [address.interface.network for address in route_socket.addresses()]
    return found


def check_ports(model: ClusterModel) -> None:
    """ProvisionError for a port on an address of this host that leads to no node."""
    for port in model.ports:
        if port.host_ip not in EVERYWHERE and ipaddress.ip_address(port.host_ip).version not in model.families:
            (family,) = model.families
            raise ProvisionError(
                f"--host-ip {port.host_ip}: the nodes of this cluster have IPv{family} addresses alone, give one of "
                f"this host's IPv{family} addresses or leave the flag out"
            )


def ruleset(
    table: str,
    bridge: str,
    subnets: Sequence[str],
    ports: list[PortMapping],
    targets: Sequence[str],
    *,
    airgapped: bool = False,
    no_masquerade: Sequence[str] = (),
) -> str:
    """nft script of a cluster's table; pure. subnets and targets of ports: one of each family."""
    translated = []
    for subnet in subnets:
        family = _family(subnet)
        if kept := [network for network in no_masquerade if _family(network) == family]:
            translated.append(f"    {family} saddr {subnet} {family} daddr {{ {', '.join(kept)} }} accept")
        translated.append(f'    {family} saddr {subnet} oifname != "{bridge}" counter masquerade')
    # Answers to those who reached a node by an exposed port may go out; nothing that a node begins.
    outward = "ct state established,related accept" if airgapped else "accept"
    refused = [f'    iifname "{bridge}" oifname != "{bridge}" counter reject'] if airgapped else []
    lines = [
        f"table inet {table} {{",
        "  chain postrouting {",
        "    type nat hook postrouting priority srcnat; policy accept;",
        *translated,
        "  }",
        "  chain forward {",
        "    type filter hook forward priority filter; policy accept;",
        f'    iifname "{bridge}" {outward}',
        *refused,
        f'    oifname "{bridge}" accept',
        "  }",
    ]
    if ports:
        rules = [
            f"    {_on_host(port.host_ip)}fib daddr type local {port.protocol} dport {port.host_port} "
            f"dnat {_family(target)} to {host_port(target, port.node_port)}"
            for port in ports
            for target in targets
            if port.host_ip in EVERYWHERE or _family(port.host_ip) == _family(target)
        ]
        # The number: nft 1.0.6 knows the name dstnat in prerouting only.
        for chain, hook in (("prerouting", "prerouting"), ("output", "output")):
            lines += [
                f"  chain {chain} {{",
                f"    type nat hook {hook} priority -100; policy accept;",
                *rules,
                "  }",
            ]
    return "\n".join([*lines, "}", ""])


def _family(text: str) -> str:
    """nft's word for the family of an address or a network."""
    return "ip6" if ":" in text else "ip"


def _on_host(address: str) -> str:
    return "" if address in EVERYWHERE else f"{_family(address)} daddr {address} "


def nft(script: str) -> None:
    """Run the host's nft on a script; ProvisionError with its complaint."""
    program = shutil.which("nft", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if program is None:
        raise ProvisionError("nft is not installed on this host: install the package nftables")
    done = subprocess.run([program, "-f", "-"], input=script, text=True, capture_output=True, check=False)
    if done.returncode != 0:
        raise ProvisionError(f"nft refused the cluster's rules: {done.stderr.strip()}")


def create(directory: ClusterDirectory, model: ClusterModel) -> None:
    """Bridge with the gateways' addresses, and NAT."""
    with RouteSocket() as route_socket:
        route_socket.link_add(directory.bridge, "bridge")
        link = route_socket.link(directory.bridge)
        assert link is not None, "the kernel acknowledged the bridge"
        for gateway, subnet in zip(model.gateways, model.subnets, strict=True):
            route_socket.address_add(_address(link.index, gateway, subnet))
        # A bridge takes the lowest MAC address of its ports unless it was given one; a change would cut connections.
        route_socket.link_set(link.index, up=True, address=link.address, mtu=model.mtu)
    chaos.apply(directory.bridge, model.chaos)  # the links of the nodes get the same: does the kernel know it?
    targets = model.control_planes[0].addresses if model.control_planes else []
    nft(
        ruleset(
            *(directory.table, directory.bridge, model.subnets, model.ports, targets),
            airgapped=model.airgapped,
            no_masquerade=model.no_masquerade,
        )
    )


def _address(index: int, address: str, subnet: str) -> nl.Address:
    """Nobody else is on the cluster's network: an IPv6 address is used at once, without asking the link for another
    owner (a bridge without ports would never hear an answer)."""
    interface = prefixed(address, subnet)
    if isinstance(interface, ipaddress.IPv6Interface):
        return nl.Address(index, interface, flags=nl.IFA_F_NODAD)
    return nl.Address(index, interface, broadcast=interface.network.broadcast_address)


def destroy(directory: ClusterDirectory) -> None:
    """Remove links and rules, each if it is there."""
    prefix = f"tv{directory.tag}-"
    with RouteSocket() as route_socket:
        for link in route_socket.links():
            if link.name.startswith(prefix) or link.name == directory.bridge:
                with contextlib.suppress(nl.NetlinkError):  # the other end of a veth vanished with its namespace
                    route_socket.link_delete(link.index)
    # «add» first: deleting a table that does not exist is an error, adding one that exists is none.
    if shutil.which("nft", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin"):
        nft(f"add table inet {directory.table}\ndelete table inet {directory.table}\n")


def attach(directory: ClusterDirectory, model: ClusterModel, node: NodeModel) -> int:
    """A fresh network namespace for a node with eth0, addresses and default routes; returns its descriptor."""
    namespace = new_network_namespace()
    try:
        with network_namespace(namespace):
            inside = RouteSocket()
            if not model.ipv6:
                _without_ipv6()
        with inside, RouteSocket() as host:
            _connect(host, inside, namespace, directory, model, node)
    except BaseException:
        os.close(namespace)
        raise
    return namespace


def _without_ipv6() -> None:
    """Take IPv6 from the links of this thread's network namespace, those to come included (ip-sysctl.txt)."""
    for name in ("all", "default"):
        with contextlib.suppress(FileNotFoundError):  # a kernel without IPv6
            Path(f"/proc/sys/net/ipv6/conf/{name}/disable_ipv6").write_text("1")


def tap(directory: ClusterDirectory, model: ClusterModel, node: NodeModel) -> int:
    """A machine's network card on the bridge; returns the descriptor for QEMU, with which the link vanishes."""
    name = directory.veth(node)
    with RouteSocket() as host:
        stale = host.link(name)
        if stale is not None:
            host.link_delete(stale.index)
        bridge = host.link(directory.bridge)
        if bridge is None:
            raise ProvisionError(f"bridge {directory.bridge} of cluster {directory.name} is gone: destroy the cluster")
        fd = open_tap(name)
        try:
            link = host.link(name)
            assert link is not None, "the kernel made it"
            host.link_set(link.index, up=True, mtu=model.mtu, master=bridge.index)
            chaos.apply(name, model.chaos)
        except BaseException:
            os.close(fd)
            raise
    return fd


def _connect(
    host: RouteSocket,
    inside: RouteSocket,
    namespace: int,
    directory: ClusterDirectory,
    model: ClusterModel,
    node: NodeModel,
) -> None:
    name = directory.veth(node)
    stale = host.link(name)
    if stale is not None:  # the namespace of the previous start may be on its way out still
        host.link_delete(stale.index)
    bridge = host.link(directory.bridge)
    if bridge is None:
        raise ProvisionError(f"bridge {directory.bridge} of cluster {directory.name} is gone: destroy the cluster")
    host.veth_add(name, "eth0", peer_namespace=namespace, mtu=model.mtu, master=bridge.index)
    outer = host.link(name)
    inner = inside.link("eth0")
    assert outer is not None, "the kernel acknowledged the pair"
    assert inner is not None, "the kernel acknowledged the pair"
    host.link_set(outer.index, up=True)
    chaos.apply(name, model.chaos)
    inside.link_set(1, up=True)
    inside.link_set(inner.index, up=True)
    for address, subnet, via in zip(node.addresses, model.subnets, model.gateways, strict=True):
        inside.address_add(_address(inner.index, address, subnet))
        gateway = ipaddress.ip_address(via)
        family = nl.AF_INET if gateway.version == 4 else nl.AF_INET6
        inside.route_add(nl.Route(family, gateway=gateway, index=inner.index, protocol=nl.RTPROT_BOOT))
