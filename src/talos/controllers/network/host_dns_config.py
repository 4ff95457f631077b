"""The host's DNS cache: whether it runs, where it listens, and the address it takes on lo."""

from __future__ import annotations

from talos.controllers import machine_config
from talos.controllers.network.layers import CONFIG_NAMESPACE, layered_id
from talos.controllers.publish import publish
from talos.resources.enums import AddressFlag, ConfigLayer, Family, Scope
from talos.resources.network import AddressSpecSpec, HostDNSConfigSpec
from talos.state.controller import EXCLUSIVE, SHARED, Controller, Output
from talos.state.runtime import Runtime

HOST_DNS_ADDRESS = "169.254.116.108"
ADDRESS_STATUS = f"lo/{HOST_DNS_ADDRESS}/32"
"""id of the AddressStatus that says that networkd has assigned it: before, what is sent to it leaves the node"""


class HostDNSConfigController(Controller):
    name = "network.HostDNSConfigController"
    inputs = (machine_config.ACTIVE_CONFIG,)
    outputs = (Output(HostDNSConfigSpec, EXCLUSIVE), Output(AddressSpecSpec, SHARED))

    async def reconcile(self, rt: Runtime) -> None:
        config = await machine_config.active(rt)
        addresses: dict[str, AddressSpecSpec] = {}
        spec = HostDNSConfigSpec()
        if config is not None and config.network.resolvers.host_dns:
            spec = HostDNSConfigSpec(
                enabled=True,
                listen_addresses=["127.0.0.53:53"],
                resolve_member_names=config.network.resolvers.resolve_member_names,
            )
            if config.network.resolvers.forward_kube_dns:
                spec.listen_addresses.append(f"{HOST_DNS_ADDRESS}:53")
                address = f"{HOST_DNS_ADDRESS}/32"
                addresses[layered_id(ConfigLayer.OPERATOR, f"lo/{address}")] = AddressSpecSpec(
                    address=address,
                    link_name="lo",
                    family=Family.INET4,
                    scope=Scope.HOST,
                    flags=AddressFlag.PERMANENT,
                    layer=ConfigLayer.OPERATOR,
                )
        await rt.modify(HostDNSConfigSpec, "config", lambda _old: spec)
        await publish(rt, AddressSpecSpec, addresses, namespace=CONFIG_NAMESPACE)
