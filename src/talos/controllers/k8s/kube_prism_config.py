"""The node's load balancer in front of the API servers; networkd runs it."""

from __future__ import annotations

from talos.controllers.k8s.kube_prism_endpoints import ID as ENDPOINTS
from talos.controllers.machine_config import ACTIVE_CONFIG, active
from talos.resources.k8s import KubePrismConfigSpec, KubePrismEndpointsSpec
from talos.state import Controller, Input, Output, Runtime

ID = "k8s-loadbalancer-config"


class KubePrismConfigController(Controller):
    """MachineConfig, KubePrismEndpoints -> KubePrismConfig."""

    name = "k8s.KubePrismConfigController"
    inputs = (ACTIVE_CONFIG, Input(KubePrismEndpointsSpec, id=ENDPOINTS))
    outputs = (Output(KubePrismConfigSpec),)

    async def reconcile(self, rt: Runtime) -> None:
        config = await active(rt)
        endpoints = await rt.get_or_none(KubePrismEndpointsSpec, ENDPOINTS)
        if config is None or not config.cluster.kube_prism.enabled or endpoints is None:
            await rt.keep_only(KubePrismConfigSpec, ())
            return
        spec = KubePrismConfigSpec(
            host="127.0.0.1", port=config.cluster.kube_prism.port, endpoints=endpoints.spec.endpoints
        )
        await rt.modify(KubePrismConfigSpec, ID, lambda _: spec)
