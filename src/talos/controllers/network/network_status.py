"""Whether the network is up: what services wait for."""

from __future__ import annotations

from talos.resources.enums import RoutingTable
from talos.resources.files import EtcFileStatusSpec
from talos.resources.network import (
    HostnameStatusSpec,
    NodeAddressSpec,
    ProbeStatusSpec,
    RouteStatusSpec,
    StatusSpec,
)
from talos.state.controller import EXCLUSIVE, Controller, Input, Output
from talos.state.runtime import Runtime

_FILES = ("hosts", "resolv.conf")


class StatusController(Controller):
    name = "network.StatusController"
    process = "networkd"
    inputs = (
        Input(NodeAddressSpec, id="current"),
        Input(RouteStatusSpec),
        Input(HostnameStatusSpec, id="hostname"),
        Input(EtcFileStatusSpec),
        Input(ProbeStatusSpec),
    )
    outputs = (Output(StatusSpec, EXCLUSIVE),)

    async def reconcile(self, rt: Runtime) -> None:
        current = await rt.get_or_none(NodeAddressSpec, "current")
        probes = await rt.list(ProbeStatusSpec)
        if probes:
            connected = all(probe.spec.success for probe in probes)
        else:
            routes = await rt.list(RouteStatusSpec)
            connected = any(
                not route.spec.dst and route.spec.table is RoutingTable.TABLE_MAIN for route in routes
            )
        files = {resource.id for resource in await rt.list(EtcFileStatusSpec)}
        status = StatusSpec(
            address_ready=current is not None and bool(current.spec.addresses),
            connectivity_ready=connected,
            hostname_ready=await rt.get_or_none(HostnameStatusSpec, "hostname") is not None,
            etc_files_ready=all(name in files for name in _FILES),
        )
        await rt.modify(StatusSpec, "status", lambda _old: status)
