"""Addresses as the kernel has them."""

from __future__ import annotations

from talos.controllers.network.kernel_status import KernelStatusController
from talos.linux import netlink as nl
from talos.linux.netlink_socket import RouteSocket
from talos.resources.enums import AddressFlag, Family, Scope
from talos.resources.network import AddressStatusSpec
from talos.state.controller import EXCLUSIVE, Output
from talos.state.runtime import Runtime
from talos.state.spec import Spec


def status(address: nl.Address, link_name: str) -> AddressStatusSpec:
    """One address' resource."""
    return AddressStatusSpec(
        address=str(address.interface),
        local=str(address.interface.ip) if address.family == nl.AF_INET else "",
        broadcast=str(address.broadcast) if address.broadcast is not None else "",
        link_index=address.index,
        link_name=link_name,
        family=Family(address.family),
        scope=Scope(address.scope),
        flags=AddressFlag(address.flags),
        priority=address.priority,
    )


class AddressStatusController(KernelStatusController):
    name = "network.AddressStatusController"
    kind = AddressStatusSpec
    groups = (nl.RTNLGRP_LINK, nl.RTNLGRP_IPV4_IFADDR, nl.RTNLGRP_IPV6_IFADDR,)
    outputs = (Output(AddressStatusSpec, EXCLUSIVE),)

    def snapshot(self, route_socket: RouteSocket, rt: Runtime) -> dict[str, Spec]:
        names = {link.index: link.name for link in route_socket.links()}
        found: dict[str, Spec] = {}
        for address in route_socket.addresses():
            name = names.get(address.index, "")
            if name:
                found[f"{name}/{address.interface}"] = status(address, name)
        return found
