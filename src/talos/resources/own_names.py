"""What a node may be called: by its addresses and its host name."""

from __future__ import annotations

from talos.resources.network.hostname_status import HostnameStatusSpec
from talos.resources.network.node_address import NodeAddressSpec


def own_names(addresses: NodeAddressSpec | None, hostname: HostnameStatusSpec | None) -> frozenset[str]:
    """This node's addresses and its host name, short and full, as far as they are known."""
    names = {prefix.partition("/")[0] for prefix in addresses.addresses} if addresses is not None else set()
    if hostname is not None and hostname.hostname:
        names.add(hostname.hostname.lower())
        if hostname.domainname:
            names.add(f"{hostname.hostname}.{hostname.domainname}".lower())
    return frozenset(names)
