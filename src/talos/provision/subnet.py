"""Choice of a cluster's subnets: the wanted one, or the next free 10.x when it was only the default, and its IPv6
prefix."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from talos.provision.model import ProvisionError

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

DEFAULT = ipaddress.IPv4Network("10.5.0.0/24")

# Kubernetes' defaults for pods and services: a node's own subnet inside them would hide one behind the other.
RESERVED = (ipaddress.IPv4Network("10.244.0.0/16"), ipaddress.IPv4Network("10.96.0.0/12"))

_LOCAL = int(ipaddress.IPv6Address("fd74:616c::"))
"""unique local addresses (RFC 4193), a /32 of Talos' local clusters: "tal" in ASCII"""


def parse(text: str, flag: str) -> ipaddress.IPv4Network:
    """A CIDR given on the command line for nodes."""
    network = parse_any(text, flag)
    if not isinstance(network, ipaddress.IPv4Network):
        raise ProvisionError(
            f"{flag} {text!r}: give an IPv4 CIDR such as 10.5.0.0/24; the IPv6 prefix of a cluster follows from it"
        )
    return network


def parse_any(text: str, flag: str) -> Network:
    """A CIDR of either family given on the command line."""
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError as error:
        raise ProvisionError(f"{flag} {text!r} is not a CIDR (example: 10.5.0.0/24): {error}") from error


def ipv6_of(network: ipaddress.IPv4Network) -> ipaddress.IPv6Network:
    """The IPv6 prefix of a local cluster: the four bytes of its IPv4 subnet follow those of the /32.

    Subnets that do not overlap have different prefixes, since every subnet begins at its own address.
    """
    return ipaddress.IPv6Network((_LOCAL | int(network.network_address) << 64, 64))


def choose(
    wanted: ipaddress.IPv4Network | None,
    taken: Iterable[Network],
    nodes: int,
    flag: str = "--subnet",
    *,
    ipv4: bool = True,
    ipv6: bool = False,
) -> list[Network]:
    """The subnets to use, IPv4 first. wanted None = the default, or the next 10.N.0.0/24 that nothing on this host
    covers; the prefix of IPv6 follows from it, also where it is used alone. One family at least is used.

    ProvisionError «no free subnet» when the wanted one overlaps with a route or an address of the host, or when all
    candidates do.
    """
    busy = [network for network in taken if network.prefixlen > 0]
    candidates = [wanted] if wanted is not None else _candidates()
    for candidate in candidates:
        if ipv4 and candidate.num_addresses < nodes + 3:
            raise ProvisionError(
                f"no free subnet: {flag} {candidate} has room for {max(candidate.num_addresses - 3, 0)} nodes, "
                f"{nodes} are wanted; give a wider one"
            )
        found: list[Network] = [candidate] if ipv4 else []
        if ipv6:
            found.append(ipv6_of(candidate))
        conflict = next((network for network in busy for subnet in found if _overlap(network, subnet)), None)
        if conflict is None:
            return found
    if wanted is not None:
        raise ProvisionError(
            f"no free subnet: {flag} {wanted} overlaps with {conflict}, which this host already routes; "
            f"leave {flag} out to take the next free one, or destroy the cluster that uses it"
        )
    raise ProvisionError(
        f"no free subnet: every 10.N.0.0/24 overlaps with a route of this host; give another one with {flag}"
    )


def _overlap(one: Network, other: Network) -> bool:
    return one.version == other.version and one.overlaps(other)


def _candidates() -> list[ipaddress.IPv4Network]:
    found = [DEFAULT]
    for second in range(6, 255):
        network = ipaddress.IPv4Network(f"10.{second}.0.0/24")
        if not any(network.overlaps(reserved) for reserved in RESERVED):
            found.append(network)
    return found
