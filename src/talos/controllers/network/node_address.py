"""Addresses that others may use to reach this node, and the same through each filter.

`default` is the first address that was ever found and stays until it goes away; `current` is all of them; `routed` the
same without addresses that only this node reaches; `accumulative` also those that were there before. `ID-FILTER` is a
list through a NodeAddressFilter (no-k8s, only-k8s). A shared address is in none of them: it belongs to the cluster,
and what etcd, the kubelet and other nodes know this node by must not move.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from talos.controllers.network.host_dns_config import HOST_DNS_ADDRESS_V6
from talos.controllers.publish import publish
from talos.resources.enums import AddressFlag, AddressSortAlgorithm, Scope
from talos.resources.network import (
    AddressStatusSpec,
    NodeAddressFilterSpec,
    NodeAddressSortAlgorithmSpec,
    NodeAddressSpec,
    OperatorSpecSpec,
)
from talos.state.controller import EXCLUSIVE, Controller, Input, Output
from talos.state.runtime import Runtime

_UNUSABLE = AddressFlag.TENTATIVE | AddressFlag.DAD_FAILED | AddressFlag.DEPRECATED


def usable(addresses: Iterable[AddressStatusSpec]) -> list[str]:
    """Global addresses as CIDR, sorted by family and number (algorithm v1)."""
    found = set()
    for spec in addresses:
        if spec.scope >= Scope.LINK or spec.flags & _UNUSABLE:
            continue
        interface = ipaddress.ip_interface(spec.address)
        if interface.is_loopback or interface.is_link_local or interface.is_multicast:
            continue
        if str(interface.ip) == HOST_DNS_ADDRESS_V6:  # on lo of every node; an IPv6 address has no scope "host"
            continue
        found.add(interface)
    return [str(item) for item in sorted(found, key=lambda item: (item.version, int(item.ip), item.network.prefixlen))]


def apply_filter(addresses: Iterable[str], spec: NodeAddressFilterSpec) -> list[str]:
    """Addresses inside one of the included subnets (if any are named) and outside all excluded ones."""
    include = [ipaddress.ip_network(subnet) for subnet in spec.include_subnets]
    exclude = [ipaddress.ip_network(subnet) for subnet in spec.exclude_subnets]

    def passes(text: str) -> bool:
        ip = ipaddress.ip_interface(text).ip
        if include and not any(ip in network for network in include):
            return False
        return not any(ip in network for network in exclude)

    return [text for text in addresses if passes(text)]


def default_address(current: list[str], previous: list[str]) -> list[str]:
    """The default address does not move while it is there: certificates and etcd depend on it."""
    kept = [address for address in previous if address in current]
    return kept or current[:1]


class NodeAddressController(Controller):
    name = "network.NodeAddressController"
    process = "networkd"
    inputs = (
        Input(AddressStatusSpec),
        Input(OperatorSpecSpec),
        Input(NodeAddressFilterSpec),
        Input(NodeAddressSortAlgorithmSpec),
    )
    outputs = (Output(NodeAddressSpec, EXCLUSIVE),)

    async def reconcile(self, rt: Runtime) -> None:
        operators = [resource.spec for resource in await rt.list(OperatorSpecSpec)]
        shared = {ipaddress.ip_address(spec.vip.ip) for spec in operators if spec.vip is not None}
        current = usable(
            resource.spec
            for resource in await rt.list(AddressStatusSpec)
            if ipaddress.ip_interface(resource.spec.address).ip not in shared
        )
        filters = await rt.list(NodeAddressFilterSpec)
        algorithm = await rt.get_or_none(NodeAddressSortAlgorithmSpec, "default")
        sort_algorithm = algorithm.spec.algorithm if algorithm is not None else AddressSortAlgorithm.V1

        lists: dict[str, list[str]] = {}
        filtered = {"": current, **{f"-{f.id}": apply_filter(current, f.spec) for f in filters}}
        # First what certificates wait for: the node's API answers when they are there.
        for name, addresses in filtered.items():
            lists[f"accumulative{name}"] = await self._accumulate(rt, f"accumulative{name}", addresses)
        for name, addresses in filtered.items():
            lists[f"current{name}"] = lists[f"routed{name}"] = addresses
        existing = await rt.get_or_none(NodeAddressSpec, "default")
        default = default_address(current, existing.spec.addresses if existing is not None else [])
        if default:
            lists["default"] = default
        desired = {
            id_: NodeAddressSpec(addresses=addresses, sort_algorithm=sort_algorithm) for id_, addresses in lists.items()
        }
        await publish(rt, NodeAddressSpec, desired)

    async def _accumulate(self, rt: Runtime, id_: str, current: list[str]) -> list[str]:
        existing = await rt.get_or_none(NodeAddressSpec, id_)
        before = existing.spec.addresses if existing is not None else []
        return current + [address for address in before if address not in current]
