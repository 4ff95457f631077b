"""Addresses of the control plane, as the cluster's members know them."""

from __future__ import annotations

from talos.controllers.publish import always
from talos.resources.cluster import MemberSpec
from talos.resources.k8s import EndpointSpec
from talos.state import SHARED, Controller, Input, Output, Runtime

ID = "discovery"


class EndpointController(Controller):
    """Members -> Endpoint "discovery"."""

    name = "cluster.EndpointController"
    inputs = (Input(MemberSpec),)
    outputs = (Output(EndpointSpec, SHARED),)

    async def reconcile(self, rt: Runtime) -> None:
        members = [m.spec for m in await rt.list(MemberSpec)]
        control_plane = [m for m in members if m.machine_type.is_control_plane]
        addresses = sorted({address for m in control_plane for address in m.addresses})
        await rt.modify(EndpointSpec, ID, always(EndpointSpec(addresses=addresses)))
