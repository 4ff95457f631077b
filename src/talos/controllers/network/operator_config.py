"""DHCP clients by layer: on every physical link that nobody has named (default), the platform's, the configured ones;
and the shared addresses of control plane nodes.

In a container nothing runs by itself: its runtime has given it addresses.
"""

from __future__ import annotations

from talos.config.view.model import DHCP, VirtualIP
from talos.controllers import machine_config
from talos.controllers.network.layers import CONFIG_NAMESPACE, layered_id
from talos.controllers.network.physical import hardware, unnamed
from talos.controllers.network.selectors import chosen
from talos.controllers.publish import publish
from talos.platforms.specs import METRIC, dhcp
from talos.resources.enums import ClientIdentifier, ConfigLayer, Operator
from talos.resources.network import (
    ClientIdentifierSpec,
    DHCP4OperatorSpec,
    LinkStatusSpec,
    OperatorSpecSpec,
    PlatformConfigSpec,
    VIPOperatorSpec,
)
from talos.state.controller import SHARED, Controller, Input, Output
from talos.state.runtime import Runtime


def operator_id(spec: OperatorSpecSpec) -> str:
    """Of a merged operator: one of each kind a link."""
    if spec.vip is not None:  # a link may have several
        return f"{spec.operator.text}/{spec.link_name}/{spec.vip.ip}"
    return f"{spec.operator.text}/{spec.link_name}"


def shared(vip: VirtualIP) -> OperatorSpecSpec:
    """A shared address of the machine configuration."""
    return OperatorSpecSpec(
        operator=Operator.VIP,
        link_name=vip.link,
        require_up=True,
        vip=VIPOperatorSpec(ip=vip.address, gratuitous_arp=True),
        layer=ConfigLayer.MACHINE_CONFIGURATION,
    )


def configured(client: DHCP, link_name: str) -> OperatorSpecSpec:
    """A DHCPv4 client of the machine configuration."""
    identifier = ClientIdentifierSpec(
        client_identifier=ClientIdentifier.parse(client.client_identifier or "mac"), duid_raw_hex=client.duid
    )
    return OperatorSpecSpec(
        operator=Operator.DHCP4,
        link_name=link_name,
        require_up=True,
        dhcp4=DHCP4OperatorSpec(
            route_metric=client.route_metric or METRIC,
            skip_hostname_request=client.ignore_hostname,
            client_identifier=identifier,
            skip_routes=client.ignore_routes,
        ),
        layer=ConfigLayer.MACHINE_CONFIGURATION,
    )


class OperatorConfigController(Controller):
    name = "network.OperatorConfigController"
    inputs = (machine_config.ACTIVE_CONFIG, Input(PlatformConfigSpec, id="active"), Input(LinkStatusSpec))
    outputs = (Output(OperatorSpecSpec, SHARED),)

    async def reconcile(self, rt: Runtime) -> None:
        config = await machine_config.active(rt)
        platform = await rt.get_or_none(PlatformConfigSpec, "active")
        found: list[OperatorSpecSpec] = []
        links = await rt.list(LinkStatusSpec)
        if config is None or config.network.default_dhcp:
            spec = platform.spec if platform is not None else None
            found += [dhcp(ConfigLayer.DEFAULT, name) for name in unnamed(rt.env, links, config, spec)]
        if platform is not None:
            found += platform.spec.operators
        if config is not None:
            for client in config.network.dhcp:
                names = [client.link] if client.link else chosen(client.selector, hardware(links))
                found += [configured(client, name) for name in names]
            if config.machine.is_control_plane:
                found += [shared(vip) for vip in config.network.virtual_ips if vip.link]
        desired = {layered_id(spec.layer, operator_id(spec)): spec for spec in found}
        await publish(rt, OperatorSpecSpec, desired, namespace=CONFIG_NAMESPACE)
