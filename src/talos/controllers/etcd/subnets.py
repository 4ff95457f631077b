"""Choosing addresses by subnets."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from ipaddress import ip_address, ip_interface, ip_network


def choose(addresses: Iterable[str], *, valid: Sequence[str], exclude: Sequence[str]) -> list[str]:
    """Plain addresses (given with or without prefix) in any of ``valid`` (all when empty) and none of ``exclude``."""
    chosen = []
    wanted = [ip_network(s, strict=False) for s in valid]
    unwanted = [ip_network(s, strict=False) for s in exclude]
    for text in addresses:
        ip = ip_address(str(ip_interface(text).ip))
        if (not wanted or any(ip in n for n in wanted)) and not any(ip in n for n in unwanted):
            chosen.append(str(ip))
    return list(dict.fromkeys(chosen))
