"""Time servers by layer."""

from __future__ import annotations

from talos.controllers import machine_config
from talos.controllers.network.layers import CONFIG_NAMESPACE, layered_id
from talos.controllers.publish import publish
from talos.resources.enums import ConfigLayer
from talos.resources.network import PlatformConfigSpec, TimeServerSpecSpec
from talos.state.controller import SHARED, Controller, Input, Output
from talos.state.runtime import Runtime

DEFAULT_SERVERS = ("time.cloudflare.com",)


class TimeServerConfigController(Controller):
    name = "network.TimeServerConfigController"
    inputs = (machine_config.ACTIVE_CONFIG, Input(PlatformConfigSpec, id="active"))
    outputs = (Output(TimeServerSpecSpec, SHARED),)

    async def reconcile(self, rt: Runtime) -> None:
        found = [
            TimeServerSpecSpec(time_servers=list(DEFAULT_SERVERS), use_nts=True, layer=ConfigLayer.DEFAULT)
        ]
        platform = await rt.get_or_none(PlatformConfigSpec, "active")
        if platform is not None:
            found += platform.spec.time_servers[:1]
        config = await machine_config.active(rt)
        if config is not None:
            time = config.network.time
            servers = list(time.servers)
            if servers:
                found.append(
                    TimeServerSpecSpec(
                        time_servers=servers, use_nts=time.use_nts, layer=ConfigLayer.MACHINE_CONFIGURATION
                    )
                )
        desired = {layered_id(spec.layer, "timeservers"): spec for spec in found}
        await publish(rt, TimeServerSpecSpec, desired, namespace=CONFIG_NAMESPACE)
