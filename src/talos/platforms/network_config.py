"""cloud-init's network configuration, versions 1 and 2, as specs of the layer `platform`.

Sources: cloud-init's documentation of both versions; version 2 is netplan's. Links are matched by their hardware
address where one is given, else by name; renaming (set-name, or a name of version 1 that differs) is left out, since
names of links are the kernel's here. What cannot be understood is a PlatformError that names the entry.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any

from talos.platforms import Machine, PlatformError, specs
from talos.resources.enums import ConfigLayer
from talos.resources.network import PlatformConfigSpec

_LAYER = ConfigLayer.PLATFORM
_DHCP = {"dhcp": 4, "dhcp4": 4, "dhcp6": 6, "ipv6_dhcpv6-stateful": 6}


def parse(document: Any, machine: Machine) -> PlatformConfigSpec:
    """Specs of a network-config that has been read as YAML. PlatformError."""
    network = document.get("network", document) if isinstance(document, Mapping) else None
    if not isinstance(network, Mapping):
        raise PlatformError("network-config is no mapping")
    reader = {1: _Version1, 2: _Version2}.get(network.get("version"))  # type: ignore[arg-type]
    if reader is None:
        raise PlatformError(f"network-config: version {network.get('version')!r} is neither 1 nor 2")
    return reader(machine).read(network)


class _Reader:
    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._spec = PlatformConfigSpec()
        self._links = specs.Links(_LAYER)
        self._servers: list[str] = []
        self._search: list[str] = []

    def read(self, network: Mapping[str, Any]) -> PlatformConfigSpec:
        self._read(network)
        self._spec.links = list(self._links.found.values())
        if self._servers or self._search:
            self._spec.resolvers = [specs.resolvers(_LAYER, _unique(self._servers), _unique(self._search))]
        return self._spec

    def _read(self, network: Mapping[str, Any]) -> None:
        raise NotImplementedError

    def _dhcp(self, link: str, version: int, metric: int = specs.METRIC) -> None:
        self._spec.operators.append(specs.dhcp(_LAYER, link, version, metric))

    def _address(self, link: str, text: str) -> None:
        self._spec.addresses.append(specs.address(_LAYER, link, text))

    def _route(self, link: str, gateway: str, destination: str = "", metric: int = 0, mtu: int = 0) -> None:
        self._spec.routes.append(specs.route(_LAYER, link, gateway, destination, metric or specs.METRIC, mtu))


class _Version1(_Reader):
    def _read(self, network: Mapping[str, Any]) -> None:
        names: dict[str, str] = {}
        for number, entry in enumerate(_list(network.get("config"))):
            kind = str(entry.get("type", ""))
            try:
                self._entry(kind, entry, names)
            except (ValueError, TypeError, KeyError) as error:
                raise PlatformError(f"network-config: config[{number}] ({kind}): {error}") from error

    def _entry(self, kind: str, entry: Mapping[str, Any], names: dict[str, str]) -> None:
        name, mtu = str(entry.get("name", "")), int(entry.get("mtu") or 0)
        ports = [names.get(str(port), str(port)) for port in _list(entry.get(f"{kind}_interfaces"))]
        match kind:
            case "physical":
                mac = str(entry.get("mac_address") or "")
                link = self._machine.link_of(mac) if mac else name
                if not link:
                    raise ValueError(f"no link has the hardware address {mac}")
                names[name] = link
                name = link
                self._links.link(name, mtu)
            case "bond":
                params = {key.removeprefix("bond-"): value for key, value in (entry.get("params") or {}).items()}
                self._links.bond(name, ports, params, mtu)
            case "bridge":
                self._links.bridge(name, ports, mtu)
            case "vlan":
                parent = str(entry["vlan_link"])
                self._links.vlan(name, names.get(parent, parent), int(entry["vlan_id"]), mtu)
            case "nameserver":
                self._servers += _texts(entry.get("address"))
                self._search += _texts(entry.get("search"))
                return
            case "route":
                self._route("", str(entry["gateway"]), _destination(entry), int(entry.get("metric") or 0))
                return
            case "loopback":
                return
            case _:
                raise ValueError("this version does not know entries of this type")
        for subnet in _list(entry.get("subnets")):
            self._subnet(name, subnet)

    def _subnet(self, link: str, subnet: Mapping[str, Any]) -> None:
        kind = str(subnet.get("type", ""))
        self._servers += _texts(subnet.get("dns_nameservers"))
        self._search += _texts(subnet.get("dns_search"))
        if kind in _DHCP:
            self._dhcp(link, _DHCP[kind], int(subnet.get("metric") or specs.METRIC))
            return
        if kind in ("manual", "ipv6_slaac", "ipv6_dhcpv6-stateless"):
            return  # the kernel does what router advertisements say
        if kind not in ("static", "static6"):
            raise ValueError(f"subnet of type {kind!r} is not known")
        text = str(subnet["address"])
        if "/" not in text:
            text += f"/{subnet.get('netmask') or (64 if ':' in text else 24)}"
        self._address(link, text)
        if subnet.get("gateway"):
            self._route(link, str(subnet["gateway"]))
        for route in _list(subnet.get("routes")):
            self._route(link, str(route.get("gateway") or ""), _destination(route), int(route.get("metric") or 0))


class _Version2(_Reader):
    def _read(self, network: Mapping[str, Any]) -> None:
        names: dict[str, str] = {}
        for kind in ("ethernets", "bonds", "bridges", "vlans"):
            for id_, entry in (network.get(kind) or {}).items():
                try:
                    for name in self._names(kind, str(id_), entry):
                        names[str(id_)] = name
                        self._link(kind, name, entry, names)
                        self._contents(name, entry)
                except (ValueError, TypeError, KeyError, AttributeError) as error:
                    raise PlatformError(f"network-config: {kind}.{id_}: {error}") from error

    def _names(self, kind: str, id_: str, entry: Mapping[str, Any]) -> Iterator[str]:
        match = entry.get("match") or {}
        if kind != "ethernets" or not match:
            yield id_
        elif mac := match.get("macaddress"):
            name = self._machine.link_of(str(mac))
            if not name:
                raise ValueError(f"no link has the hardware address {mac}")
            yield name
        elif pattern := match.get("name"):
            yield from (name for name, _ in self._machine.links if fnmatchcase(name, str(pattern)))
        else:
            raise ValueError("only macaddress and name can be matched")

    def _link(self, kind: str, name: str, entry: Mapping[str, Any], names: Mapping[str, str]) -> None:
        mtu = int(entry.get("mtu") or 0)
        ports = [names.get(str(port), str(port)) for port in entry.get("interfaces") or ()]
        if kind == "ethernets":
            self._links.link(name, mtu)
        elif kind == "bridges":
            self._links.bridge(name, ports, mtu)
        elif kind == "bonds":
            self._links.bond(name, ports, _netplan_bond(entry.get("parameters") or {}), mtu)
        else:
            parent = str(entry["link"])
            self._links.vlan(name, names.get(parent, parent), int(entry["id"]), mtu)

    def _contents(self, name: str, entry: Mapping[str, Any]) -> None:
        for version in (4, 6):
            if entry.get(f"dhcp{version}"):
                overrides = entry.get(f"dhcp{version}-overrides") or {}
                self._dhcp(name, version, int(overrides.get("route-metric") or specs.METRIC))
            if gateway := entry.get(f"gateway{version}"):
                self._route(name, str(gateway))
        for address in entry.get("addresses") or ():
            # netplan allows an address to be a mapping of itself to its options
            self._address(name, str(next(iter(address))) if isinstance(address, Mapping) else str(address))
        for route in _list(entry.get("routes")):
            metric, mtu = int(route.get("metric") or 0), int(route.get("mtu") or 0)
            self._route(name, str(route.get("via") or ""), str(route["to"]), metric, mtu)
        nameservers = entry.get("nameservers") or {}
        self._servers += _texts(nameservers.get("addresses"))
        self._search += _texts(nameservers.get("search"))


_NETPLAN = {"mii-monitor-interval": "miimon", "up-delay": "updelay", "down-delay": "downdelay",
            "transmit-hash-policy": "xmit_hash_policy", "gratuitous-arp": "num_grat_arp",
            "primary-reselect-policy": "primary_reselect", "fail-over-mac-policy": "fail_over_mac",
            "learn-packet-interval": "lp_interval", "arp-ip-targets": "arp_ip_target"}  # fmt: skip


def _netplan_bond(parameters: Mapping[str, Any]) -> dict[str, object]:
    return {
        _NETPLAN.get(key, key): ",".join(map(str, value)) if isinstance(value, list) else value
        for key, value in parameters.items()
    }


def _destination(route: Mapping[str, Any]) -> str:
    """`network` or `destination`, with its netmask in either of the two places."""
    text = str(route.get("network") or route.get("destination") or "")
    mask = route.get("netmask") or route.get("prefix")
    return str(ipaddress.ip_network(f"{text}/{mask}", strict=False)) if text and mask and "/" not in text else text


def _list(value: Any) -> list[Mapping[str, Any]]:
    return [] if value is None else value if isinstance(value, list) else [value]


def _texts(value: Any) -> list[str]:
    return [] if value is None else [str(item) for item in value] if isinstance(value, list) else str(value).split()


def _unique(values: list[str]) -> list[str]:
    return list(dict.fromkeys(values))
