"""Where a machine in maintenance mode is reached, or would be: apid's port at each of its addresses."""

from __future__ import annotations

from talos.controllers.publish import always
from talos.controllers.secrets.api_service_config import LISTEN_ADDRESS
from talos.resources.network import NodeAddressSpec
from talos.resources.runtime import MaintenanceServiceConfigSpec
from talos.state.controller import EXCLUSIVE, Controller, Input, Output
from talos.state.runtime import Runtime

ADDRESSES = "current"


class MaintenanceConfigController(Controller):
    """NodeAddress → MaintenanceServiceConfig."""

    name = "runtime.MaintenanceConfigController"
    inputs = (Input(NodeAddressSpec, id=ADDRESSES),)
    outputs = (Output(MaintenanceServiceConfigSpec, EXCLUSIVE),)

    async def reconcile(self, rt: Runtime) -> None:
        addresses = await rt.get_or_none(NodeAddressSpec, ADDRESSES)
        if addresses is None:
            return
        reachable = [address.partition("/")[0] for address in addresses.spec.addresses]
        spec = MaintenanceServiceConfigSpec(listen_address=LISTEN_ADDRESS, reachable_addresses=reachable)
        await rt.modify(MaintenanceServiceConfigSpec, "maintenance", always(spec))
