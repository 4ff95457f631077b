"""The node's name by layer: made up (default), the platform's, the configured one."""

from __future__ import annotations

import hashlib

from talos.controllers import machine_config
from talos.controllers.network.layers import CONFIG_NAMESPACE, layered_id
from talos.controllers.publish import publish
from talos.resources.cluster import IdentitySpec
from talos.resources.enums import ConfigLayer
from talos.resources.network import HostnameSpecSpec, NodeAddressSpec, PlatformConfigSpec
from talos.state.controller import SHARED, Controller, Input, Output
from talos.state.runtime import Runtime

_BASE36 = "0123456789abcdefghijklmnopqrstuvwxyz"


def stable_name(node_id: str) -> str:
    """talos-xxx-yyy from the node's identity: the same after every start, different on every machine."""
    number = int.from_bytes(hashlib.sha256(node_id.encode()).digest()[:8], "big")
    digits = ""
    for _ in range(6):
        number, digit = divmod(number, 36)
        digits += _BASE36[digit]
    return f"talos-{digits[:3]}-{digits[3:]}"


def address_name(address: str) -> str:
    """talos-10-5-0-2 from the default address."""
    return "talos-" + address.partition("/")[0].replace(".", "-").replace(":", "-")


def split(name: str, layer: ConfigLayer) -> HostnameSpecSpec:
    """Host name and domain of a possibly qualified name."""
    host, _, domain = name.partition(".")
    return HostnameSpecSpec(hostname=host, domainname=domain, layer=layer)


class HostnameConfigController(Controller):
    name = "network.HostnameConfigController"
    inputs = (
        machine_config.ACTIVE_CONFIG,
        Input(PlatformConfigSpec, id="active"),
        Input(IdentitySpec, id="local"),
        Input(NodeAddressSpec, id="default"),
    )
    outputs = (Output(HostnameSpecSpec, SHARED),)

    async def reconcile(self, rt: Runtime) -> None:
        config = await machine_config.active(rt)
        found: list[HostnameSpecSpec] = []
        identity = await rt.get_or_none(IdentitySpec, "local")
        addresses = await rt.get_or_none(NodeAddressSpec, "default")
        automatic = config.network.hostname.auto if config is not None else "stable"
        if automatic == "stable" and identity is not None and identity.spec.node_id:
            found.append(split(stable_name(identity.spec.node_id), ConfigLayer.DEFAULT))
        elif automatic == "talos-addr" and addresses is not None and addresses.spec.addresses:
            found.append(split(address_name(addresses.spec.addresses[0]), ConfigLayer.DEFAULT))
        platform = await rt.get_or_none(PlatformConfigSpec, "active")
        if platform is not None:
            found += platform.spec.hostnames[:1]
        if config is not None and config.network.hostname.hostname:
            found.append(split(config.network.hostname.hostname, ConfigLayer.MACHINE_CONFIGURATION))
        desired = {layered_id(spec.layer, "hostname"): spec for spec in found}
        await publish(rt, HostnameSpecSpec, desired, namespace=CONFIG_NAMESPACE)
