"""The host's DNS cache: whether it runs, where it listens, and its addresses on lo, one of each family of pods."""

from __future__ import annotations

from ipaddress import ip_network

from talos.controllers import machine_config
from talos.controllers.network.layers import CONFIG_NAMESPACE, layered_id
from talos.controllers.publish import publish
from talos.resources.enums import AddressFlag, ConfigLayer, Family, Scope
from talos.resources.network import AddressSpecSpec, HostDNSConfigSpec
from talos.state.controller import EXCLUSIVE, SHARED, Controller, Output
from talos.state.runtime import Runtime

HOST_DNS_ADDRESS = "169.254.116.108"
HOST_DNS_ADDRESS_V6 = "fd54:616c:6f73:0:204f:5320:444e:531"
ADDRESS_STATUS = {
    HOST_DNS_ADDRESS: f"lo/{HOST_DNS_ADDRESS}/32",
    HOST_DNS_ADDRESS_V6: f"lo/{HOST_DNS_ADDRESS_V6}/128",
}
"""ids of the AddressStatuses that say that networkd has assigned them: before, what is sent there leaves the node"""


def pod_servers(spec: HostDNSConfigSpec) -> list[str]:
    """Where pods reach the cache; none when only the node does."""
    hosts = [address.rpartition(":")[0].strip("[]") for address in spec.listen_addresses]
    return [host for host in hosts if host in ADDRESS_STATUS]


def _on_loopback(address: str, family: Family, scope: Scope) -> AddressSpecSpec:
    return AddressSpecSpec(
        address=address,
        link_name="lo",
        family=family,
        scope=scope,
        flags=AddressFlag.PERMANENT,
        layer=ConfigLayer.OPERATOR,
    )


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
                families = {ip_network(cidr, strict=False).version for cidr in config.cluster.pod_cidrs}
                if 4 in families:
                    spec.listen_addresses.append(f"{HOST_DNS_ADDRESS}:53")
                    address = _on_loopback(f"{HOST_DNS_ADDRESS}/32", Family.INET4, Scope.HOST)
                    addresses[layered_id(ConfigLayer.OPERATOR, f"lo/{address.address}")] = address
                if 6 in families:
                    spec.listen_addresses.append(f"[{HOST_DNS_ADDRESS_V6}]:53")
                    address = _on_loopback(f"{HOST_DNS_ADDRESS_V6}/128", Family.INET6, Scope.GLOBAL)
                    addresses[layered_id(ConfigLayer.OPERATOR, f"lo/{address.address}")] = address
        await rt.modify(HostDNSConfigSpec, "config", lambda _old: spec)
        await publish(rt, AddressSpecSpec, addresses, namespace=CONFIG_NAMESPACE)
