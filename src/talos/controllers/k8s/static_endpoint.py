"""The control plane's address as the configuration names it."""

from __future__ import annotations

from talos.controllers.machine_config import ACTIVE_CONFIG, active
from talos.controllers.secrets.root_os import split_sans
from talos.resources.k8s import EndpointSpec
from talos.state import SHARED, Controller, Output, Runtime

ID = "controlplane"


class StaticEndpointController(Controller):
    """MachineConfig -> Endpoint "controlplane". A name stays a name: who connects resolves it."""

    name = "k8s.StaticEndpointController"
    inputs = (ACTIVE_CONFIG,)
    outputs = (Output(EndpointSpec, SHARED),)

    async def reconcile(self, rt: Runtime) -> None:
        config = await active(rt)
        host = config.cluster.endpoint_host if config is not None else ""
        if not host:
            await rt.keep_only(EndpointSpec, ())
            return
        addresses, hosts = split_sans((host,))
        await rt.modify(EndpointSpec, ID, lambda _: EndpointSpec(addresses=addresses, hosts=hosts))
