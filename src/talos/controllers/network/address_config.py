"""Addresses of platform and configuration."""

from __future__ import annotations

import ipaddress

from talos.config.view.model import Link
from talos.controllers import machine_config
from talos.controllers.network.layers import CONFIG_NAMESPACE, layered_id
from talos.controllers.network.physical import hardware
from talos.controllers.network.selectors import resolved
from talos.controllers.publish import publish
from talos.resources.enums import AddressFlag, ConfigLayer, Family, Scope
from talos.resources.network import AddressSpecSpec, LinkStatusSpec, PlatformConfigSpec
from talos.state.controller import SHARED, Controller, Input, Output
from talos.state.runtime import Runtime


def address_specs(link: Link) -> dict[str, AddressSpecSpec]:
    """Specs of a link's addresses by id; an address without a prefix length is a host's own."""
    found = {}
    for address in link.addresses:
        interface = ipaddress.ip_interface(address.address)
        found[f"{link.name}/{interface}"] = AddressSpecSpec(
            address=str(interface),
            link_name=link.name,
            family=Family.INET4 if interface.version == 4 else Family.INET6,
            scope=Scope.HOST if interface.is_loopback else Scope.GLOBAL,
            flags=AddressFlag.PERMANENT,
            priority=address.route_priority or 0,
            layer=ConfigLayer.MACHINE_CONFIGURATION,
        )
    return found


class AddressConfigController(Controller):
    name = "network.AddressConfigController"
    inputs = (machine_config.ACTIVE_CONFIG, Input(PlatformConfigSpec, id="active"), Input(LinkStatusSpec))
    outputs = (Output(AddressSpecSpec, SHARED),)

    async def reconcile(self, rt: Runtime) -> None:
        config = await machine_config.active(rt)
        platform = await rt.get_or_none(PlatformConfigSpec, "active")
        given = platform.spec.addresses if platform is not None else ()
        desired = {layered_id(spec.layer, f"{spec.link_name}/{spec.address}"): spec for spec in given}
        links = hardware(await rt.list(LinkStatusSpec))
        for link in resolved(config.network.links, links) if config is not None else ():
            for id_, spec in address_specs(link).items():
                desired[layered_id(ConfigLayer.MACHINE_CONFIGURATION, id_)] = spec
        await publish(rt, AddressSpecSpec, desired, namespace=CONFIG_NAMESPACE)
