"""Filters that tell Kubernetes' own addresses (pods, services) from the node's."""

from __future__ import annotations

from talos.controllers import machine_config
from talos.controllers.publish import publish
from talos.resources.network import NodeAddressFilterSpec
from talos.state.controller import SHARED, Controller, Output
from talos.state.runtime import Runtime


class AddressFilterController(Controller):
    name = "k8s.AddressFilterController"
    inputs = (machine_config.ACTIVE_CONFIG,)
    outputs = (Output(NodeAddressFilterSpec, SHARED),)

    async def reconcile(self, rt: Runtime) -> None:
        config = await machine_config.active(rt)
        desired = {}
        if config is not None:
            subnets = [*config.cluster.pod_cidrs, *config.cluster.service_cidrs]
            desired = {
                "no-k8s": NodeAddressFilterSpec(exclude_subnets=subnets),
                "only-k8s": NodeAddressFilterSpec(include_subnets=subnets),
            }
        await publish(rt, NodeAddressFilterSpec, desired)
