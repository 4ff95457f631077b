"""Makes the kernel's routes agree with the specs. Routes that no spec named are never touched."""

from __future__ import annotations

import contextlib
import errno
import ipaddress

from talos.linux import netlink as nl
from talos.linux.netlink_socket import RouteSocket
from talos.resources.enums import Family
from talos.resources.network import AddressStatusSpec, LinkStatusSpec, RouteSpecSpec
from talos.state.controller import STRONG, Controller, Input
from talos.state.resource import Phase
from talos.state.runtime import Runtime

# Until the link is up or the gateway's own subnet is there; the next change of a link or address tries again.
_NOT_YET = frozenset({errno.ENETUNREACH, errno.ENETDOWN, errno.EHOSTUNREACH, errno.EINVAL})


def kernel_route(spec: RouteSpecSpec, link_index: int) -> nl.Route:
    """The route to add or delete."""
    return nl.Route(
        family=nl.AF_INET6 if spec.family is Family.INET6 else nl.AF_INET,
        destination=ipaddress.ip_network(spec.dst, strict=False) if spec.dst else None,
        gateway=ipaddress.ip_address(spec.gateway) if spec.gateway else None,
        source=ipaddress.ip_address(spec.src) if spec.src else None,
        index=link_index,
        priority=spec.priority,
        table=int(spec.table) or nl.RT_TABLE_MAIN,
        protocol=int(spec.protocol) or nl.RTPROT_STATIC,
        scope=int(spec.scope),
        kind=int(spec.type) or nl.RTN_UNICAST,
        mtu=spec.mtu,
    )


def same(route: nl.Route, other: nl.Route) -> bool:
    """What identifies a route, and its next hop; scope and flags are the kernel's to normalize."""
    keys = ("family", "destination", "gateway", "index", "table", "mtu")
    priority = route.priority == other.priority or 0 in (route.priority, other.priority)
    return priority and all(getattr(route, key) == getattr(other, key) for key in keys)


class RouteSpecController(Controller):
    name = "network.RouteSpecController"
    process = "networkd"
    inputs = (Input(RouteSpecSpec, STRONG), Input(LinkStatusSpec), Input(AddressStatusSpec))

    async def reconcile(self, rt: Runtime) -> None:
        resources = await rt.list(RouteSpecSpec)
        if not resources:
            return
        with RouteSocket() as route_socket:
            links = {link.name: link.index for link in route_socket.links()}
            existing = route_socket.routes()
            for resource in resources:
                spec = resource.spec
                route = kernel_route(spec, links.get(spec.out_link_name, 0))
                present = any(same(route, other) for other in existing)
                if resource.md.phase is Phase.TEARING_DOWN:
                    if present:
                        rt.log.info("removing route %s via %s", spec.dst or "default", spec.gateway)
                        with contextlib.suppress(nl.NetlinkError):
                            route_socket.route_delete(route)
                    await rt.remove_finalizer(resource)
                    continue
                await rt.add_finalizer(resource)
                if present or (spec.out_link_name and spec.out_link_name not in links):
                    continue
                try:
                    route_socket.route_add(route)
                    rt.log.info("added route %s via %s on %s", spec.dst or "default", spec.gateway, spec.out_link_name)
                except nl.NetlinkError as error:
                    if error.errno not in _NOT_YET:
                        raise
                    rt.log.debug("route waits: %s", error)
