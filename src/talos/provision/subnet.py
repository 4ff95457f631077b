"""Choice of a cluster's subnet: the wanted one, or the next free 10.x when it was only the default."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from talos.provision.model import ProvisionError

DEFAULT = ipaddress.IPv4Network("10.5.0.0/24")

# Kubernetes' defaults for pods and services: a node's own subnet inside them would hide one behind the other.
RESERVED = (ipaddress.IPv4Network("10.244.0.0/16"), ipaddress.IPv4Network("10.96.0.0/12"))


def parse(text: str, flag: str) -> ipaddress.IPv4Network:
    """A CIDR given on the command line."""
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError as error:
        raise ProvisionError(f"{flag} {text!r} is not a CIDR (example: 10.5.0.0/24): {error}") from error
    if not isinstance(network, ipaddress.IPv4Network):
        raise ProvisionError(f"{flag} {text!r}: local clusters use IPv4; give an IPv4 CIDR such as 10.5.0.0/24")
    return network


def choose(
    wanted: ipaddress.IPv4Network | None, taken: Iterable[ipaddress.IPv4Network], nodes: int, flag: str = "--subnet"
) -> ipaddress.IPv4Network:
    """The subnet to use. wanted None = the default, or the next 10.N.0.0/24 that nothing on this host covers.

    ProvisionError «no free subnet» when the wanted one overlaps with a route or an address of the host, or when all
    candidates do.
    """
    busy = [network for network in taken if network.prefixlen > 0]
    candidates = [wanted] if wanted is not None else _candidates()
    for candidate in candidates:
        if candidate.num_addresses < nodes + 3:
            raise ProvisionError(
                f"no free subnet: {flag} {candidate} has room for {max(candidate.num_addresses - 3, 0)} nodes, "
                f"{nodes} are wanted; give a wider one"
            )
        conflict = next((network for network in busy if network.overlaps(candidate)), None)
        if conflict is None:
            return candidate
    if wanted is not None:
        raise ProvisionError(
            f"no free subnet: {flag} {wanted} overlaps with {conflict}, which this host already routes; "
            f"leave {flag} out to take the next free one, or destroy the cluster that uses it"
        )
    raise ProvisionError(
        f"no free subnet: every 10.N.0.0/24 overlaps with a route of this host; give another one with {flag}"
    )


def _candidates() -> list[ipaddress.IPv4Network]:
    found = [DEFAULT]
    for second in range(6, 255):
        network = ipaddress.IPv4Network(f"10.{second}.0.0/24")
        if not any(network.overlaps(reserved) for reserved in RESERVED):
            found.append(network)
    return found
