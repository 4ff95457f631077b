"""Routes as the kernel has them, of all tables."""

from __future__ import annotations

from talos.controllers.network.kernel_status import KernelStatusController
from talos.linux import netlink as nl
from talos.linux.netlink_socket import RouteSocket
from talos.resources.enums import Family, RouteFlag, RouteProtocol, RouteType, RoutingTable, Scope
from talos.resources.network import RouteStatusSpec
from talos.state.controller import EXCLUSIVE, Output
from talos.state.runtime import Runtime
from talos.state.spec import Spec


def route_id(spec: RouteStatusSpec) -> str:
    """`[table/][link/]family/gateway/destination/metric`: the main table is left out, so is the link of IPv4."""
    parts = []
    if spec.table is not RoutingTable.TABLE_MAIN:
        parts.append(spec.table.text)
    if spec.family is Family.INET6:
        parts.append(spec.out_link_name)
    return "/".join([*parts, spec.family.text, spec.gateway, spec.dst, str(spec.priority)])


def status(route: nl.Route, link_name: str) -> RouteStatusSpec:
    """One route's resource."""
    return RouteStatusSpec(
        family=Family(route.family),
        dst=str(route.destination) if route.destination is not None else "",
        src=str(route.source) if route.source is not None else "",
        gateway=str(route.gateway) if route.gateway is not None else "",
        out_link_index=route.index,
        out_link_name=link_name,
        table=RoutingTable(route.table),
        priority=route.priority,
        scope=Scope(route.scope),
        type=RouteType(route.kind),
        # The upper half of the flags is the kernel's own state of the next hop (dead, link down), not the route's.
        flags=RouteFlag(route.flags & ~0xFF),
        protocol=RouteProtocol(route.protocol),
        mtu=route.mtu,
    )


class RouteStatusController(KernelStatusController):
    name = "network.RouteStatusController"
    kind = RouteStatusSpec
    groups = (nl.RTNLGRP_LINK, nl.RTNLGRP_IPV4_ROUTE, nl.RTNLGRP_IPV6_ROUTE,)
    outputs = (Output(RouteStatusSpec, EXCLUSIVE),)

    def snapshot(self, route_socket: RouteSocket, rt: Runtime) -> dict[str, Spec]:
        names = {link.index: link.name for link in route_socket.links()}
        specs = (status(route, names.get(route.index, "")) for route in route_socket.routes())
        return {route_id(spec): spec for spec in specs}
