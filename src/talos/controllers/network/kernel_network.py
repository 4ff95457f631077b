"""The network that kernel arguments ask for, as specs of the layer `cmdline`.

    ip=CLIENT:SERVER:GATEWAY:NETMASK:HOSTNAME:DEVICE:AUTOCONF:DNS0:DNS1:NTP0   (nfsroot.rst), ip=dhcp, ip=DEVICE:dhcp
    vlan=NAME:PARENT    bond=NAME:PORT,…:OPTION=VALUE,…:MTU    bridge=NAME:PORT,…          (dracut.cmdline(7))
    talos.hostname=NAME    talos.network.interface.ignore=DEVICE

IPv6 addresses stand in brackets. A device enx001122334455 is the one with that hardware address; without a device the
first one with hardware is meant. Debian's kernel does not read ip= itself, and could not before its modules are loaded.
An argument that makes no sense is reported and left out: a machine that a typo has cut off should still try the rest.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence

from msgspec import Struct, field

from talos.kernel_arguments import KernelArguments
from talos.platforms import specs
from talos.resources.enums import ConfigLayer
from talos.resources.network import (
    AddressSpecSpec,
    HostnameSpecSpec,
    LinkSpecSpec,
    LinkStatusSpec,
    OperatorSpecSpec,
    ResolverSpecSpec,
    RouteSpecSpec,
    TimeServerSpecSpec,
)

LAYER = ConfigLayer.CMDLINE
_BY_ADDRESS = re.compile(r"enx([0-9a-f]{12})")
_AUTOCONF = frozenset({"dhcp", "on", "any", "both", "off", "none", "", "dhcp6", "auto6"})
_VLAN = re.compile(r"(?:vlan|.*\.)0*(\d{1,4})")


class KernelNetwork(Struct):
    """What the arguments ask for, and what is wrong with them."""

    links: list[LinkSpecSpec] = field(default_factory=list)
    addresses: list[AddressSpecSpec] = field(default_factory=list)
    routes: list[RouteSpecSpec] = field(default_factory=list)
    operators: list[OperatorSpecSpec] = field(default_factory=list)
    hostname: HostnameSpecSpec | None = None
    resolvers: ResolverSpecSpec | None = None
    time_servers: TimeServerSpecSpec | None = None
    ignored: set[str] = field(default_factory=set)
    errors: list[str] = field(default_factory=list)

    @property
    def named(self) -> set[str]:
        """Links that the arguments speak of."""
        return self.ignored | {link.name for link in self.links} | {one.link_name for one in self.operators}


def parse(arguments: KernelArguments, links: Sequence[tuple[str, LinkStatusSpec]]) -> KernelNetwork:
    """links: hardware, in the kernel's order. What names hardware that is not there (yet) is left out silently."""
    return _Parser(links).parse(arguments)


class _Parser:
    def __init__(self, hardware: Sequence[tuple[str, LinkStatusSpec]]) -> None:
        self._hardware = hardware
        self._links = specs.Links(LAYER)
        self._servers: list[str] = []
        self._times: list[str] = []
        self.found = KernelNetwork()

    def parse(self, arguments: KernelArguments) -> KernelNetwork:
        found = self.found
        hostname = ""
        for name, value in arguments.words:
            try:
                match name:
                    case "ip":
                        hostname = self._ip(value) or hostname
                    case "vlan":
                        self._vlan(value)
                    case "bond":
                        self._bond(value)
                    case "bridge":
                        bridge, _, ports = value.partition(":")
                        self._links.bridge(bridge or "br0", [self._device(one) for one in (ports or "eth0").split(",")])
                    case "talos.network.interface.ignore":
                        found.ignored.add(self._device(value))
            except ValueError as error:
                found.errors.append(f"kernel argument {name}={value} is left out: {error}")
        hostname = arguments.last("talos.hostname") or hostname
        if hostname:
            host, _, domain = hostname.partition(".")
            found.hostname = HostnameSpecSpec(hostname=host, domainname=domain, layer=LAYER)
        if self._servers:
            found.resolvers = specs.resolvers(LAYER, self._servers, [])
        if self._times:
            found.time_servers = TimeServerSpecSpec(time_servers=self._times, layer=LAYER)
        found.links = list(self._links.found.values())
        return found

    def _ip(self, value: str) -> str:
        """The host name that it may hold."""
        fields = split(value)
        if len(fields) == 1 and fields[0] in _AUTOCONF:  # ip=dhcp
            fields = ["", "", "", "", "", "", fields[0]]
        elif len(fields) in (2, 3) and fields[1] in _AUTOCONF - {""}:  # ip=eth0:dhcp, dracut's form
            fields = ["", "", "", "", "", fields[0], fields[1]]
        fields += [""] * (10 - len(fields))
        client, _server, gateway, mask, hostname, device, autoconf, *servers = fields[:10]
        if autoconf not in _AUTOCONF:
            raise ValueError(f"autoconf is {autoconf!r}; dhcp, on, any and off are known")
        link = self._device(device)
        if not client:
            if link and autoconf in ("dhcp", "on", "any", "both", "dhcp6"):
                self._links.link(link)
                self.found.operators.append(specs.dhcp(LAYER, link, 6 if autoconf == "dhcp6" else 4))
            return hostname
        address = ipaddress.ip_address(client)
        spec = specs.address(LAYER, link, f"{address}/{mask or (32 if address.version == 4 else 64)}")
        default = specs.route(LAYER, link, gateway) if gateway else None
        self._servers += [str(ipaddress.ip_address(server)) for server in servers[:2] if server]
        self._times += [server for server in servers[2:3] if server]
        if link:
            self._links.link(link)
            self.found.addresses.append(spec)
            self.found.routes += [default] if default is not None else []
        return hostname

    def _vlan(self, value: str) -> None:
        name, _, parent = value.partition(":")
        number = _VLAN.fullmatch(name)
        if number is None or not parent:
            raise ValueError("it is NAME:PARENT with the VLAN's number at the end of NAME, for example eth0.5:eth0")
        self._links.vlan(name, self._device(parent), int(number[1]))

    def _bond(self, value: str) -> None:
        name, ports, options, mtu = [*value.split(":", 3), "", "", ""][:4]
        if mtu and not mtu.isdigit():
            raise ValueError("it is NAME:PORT,…:OPTION=VALUE,…:MTU")
        pairs = [option.partition("=") for option in options.split(",") if option]
        wanted = {key: text for key, _, text in pairs} or {"mode": "balance-rr"}
        found = [self._device(port) for port in (ports or "eth0,eth1").split(",")]
        self._links.bond(name or "bond0", found, wanted, int(mtu or 0))

    def _device(self, name: str) -> str:
        """The link that is meant; "" for hardware that is not there."""
        if not name:
            return self._hardware[0][0] if self._hardware else ""
        by_address = _BY_ADDRESS.fullmatch(name)
        if by_address is None or any(known == name for known, _ in self._hardware):
            return name
        for known, link in self._hardware:
            if by_address[1] in (text.replace(":", "") for text in (link.permanent_addr, link.hardware_addr)):
                return known
        return ""


def split(value: str) -> list[str]:
    """Fields between colons; those of an address in brackets do not count."""
    fields, rest = [], value
    while rest:
        if rest.startswith("["):
            inside, closed, rest = rest[1:].partition("]")
            if not closed:
                raise ValueError("a bracket is not closed")
            fields.append(inside)
            rest = rest.removeprefix(":")
        else:
            one, colon, rest = rest.partition(":")
            fields.append(one)
            if colon and not rest:
                fields.append("")
    return fields or [""]
