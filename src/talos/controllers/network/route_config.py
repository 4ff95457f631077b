"""Routes of platform and configuration."""

from __future__ import annotations

import ipaddress

from talos.config.view.model import Link
from talos.controllers import machine_config
from talos.controllers.network.layers import CONFIG_NAMESPACE, layered_id
from talos.controllers.network.link_config import routing_table
from talos.controllers.network.physical import hardware
from talos.controllers.network.selectors import resolved
from talos.controllers.publish import publish
from talos.resources.enums import ConfigLayer, Family, RouteProtocol, RouteType, Scope
from talos.resources.network import LinkStatusSpec, PlatformConfigSpec, RouteSpecSpec
from talos.state.controller import SHARED, Controller, Input, Output
from talos.state.runtime import Runtime

DEFAULT_METRIC = 1024


def route_id(spec: RouteSpecSpec) -> str:
    """Of a merged route."""
    return f"{spec.out_link_name}/{spec.family.text}/{spec.gateway}/{spec.dst}/{spec.priority}"


def route_specs(link: Link) -> dict[str, RouteSpecSpec]:
    """Specs of a link's routes by id. A route without a gateway reaches its hosts directly: scope link."""
    found = {}
    for route in link.routes:
        any_address = route.gateway or route.destination
        version = ipaddress.ip_interface(any_address).version if any_address else 4
        destination = "" if route.destination in ("0.0.0.0/0", "::/0") else route.destination
        spec = RouteSpecSpec(
            family=Family.INET4 if version == 4 else Family.INET6,
            dst=str(ipaddress.ip_network(destination, strict=False)) if destination else "",
            src=route.source,
            gateway=route.gateway,
            out_link_name=link.name,
            table=routing_table(route.table),
            priority=route.metric or DEFAULT_METRIC,
            scope=Scope.GLOBAL if route.gateway else Scope.LINK,
            type=RouteType.UNICAST,
            protocol=RouteProtocol.STATIC,
            mtu=route.mtu,
            layer=ConfigLayer.MACHINE_CONFIGURATION,
        )
        found[route_id(spec)] = spec
    return found


class RouteConfigController(Controller):
    name = "network.RouteConfigController"
    inputs = (machine_config.ACTIVE_CONFIG, Input(PlatformConfigSpec, id="active"), Input(LinkStatusSpec))
    outputs = (Output(RouteSpecSpec, SHARED),)

    async def reconcile(self, rt: Runtime) -> None:
        config = await machine_config.active(rt)
        platform = await rt.get_or_none(PlatformConfigSpec, "active")
        given = platform.spec.routes if platform is not None else ()
        desired = {layered_id(spec.layer, route_id(spec)): spec for spec in given}
        links = hardware(await rt.list(LinkStatusSpec))
        for link in resolved(config.network.links, links) if config is not None else ():
            for id_, spec in route_specs(link).items():
                desired[layered_id(ConfigLayer.MACHINE_CONFIGURATION, id_)] = spec
        await publish(rt, RouteSpecSpec, desired, namespace=CONFIG_NAMESPACE)
