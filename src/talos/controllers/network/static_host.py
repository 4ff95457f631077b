"""Names in /etc/hosts: this node's own and the configured ones."""

from __future__ import annotations

from talos.controllers import machine_config
from talos.controllers.publish import publish
from talos.resources.network import HostnameStatusSpec, NodeAddressSpec, StaticHostSpec
from talos.state.controller import EXCLUSIVE, Controller, Input, Output
from talos.state.runtime import Runtime


class StaticHostController(Controller):
    name = "network.StaticHostController"
    inputs = (
        machine_config.ACTIVE_CONFIG,
        Input(HostnameStatusSpec, id="hostname"),
        Input(NodeAddressSpec, id="current"),
    )
    outputs = (Output(StaticHostSpec, EXCLUSIVE),)

    async def reconcile(self, rt: Runtime) -> None:
        desired: dict[str, StaticHostSpec] = {}
        hostname = await rt.get_or_none(HostnameStatusSpec, "hostname")
        current = await rt.get_or_none(NodeAddressSpec, "current")
        if hostname is not None and current is not None:
            addresses = [address.partition("/")[0] for address in current.spec.addresses]
            desired[hostname.spec.hostname] = StaticHostSpec(addresses=addresses)
        config = await machine_config.active(rt)
        if config is not None:
            for entry in config.network.static_hosts:
                for name in entry.names:
                    spec = desired.setdefault(name, StaticHostSpec())
                    desired[name] = StaticHostSpec(addresses=[*spec.addresses, entry.address])
        await publish(rt, StaticHostSpec, desired)
