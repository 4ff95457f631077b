"""Links, addresses and routes of this very machine, as the kernel has them."""

from __future__ import annotations

import asyncio

from talos.controllers.network.address_status import AddressStatusController
from talos.controllers.network.link_status import LinkStatusController
from talos.controllers.network.route_status import RouteStatusController
from talos.environment import NodeEnvironment
from talos.resources.enums import LinkType
from talos.resources.network import AddressStatusSpec, LinkStatusSpec, RouteStatusSpec
from talos.state.controller_runtime import ControllerRuntime
from talos.state.inmemory import InMemoryState


async def test_loopback_is_there_with_its_address_and_local_route() -> None:
    state = InMemoryState()
    controllers = [LinkStatusController, AddressStatusController, RouteStatusController]
    async with asyncio.timeout(10), ControllerRuntime(state, controllers, NodeEnvironment()):
        link = await state.wait_for(LinkStatusSpec, "lo", lambda _: True)
        address = await state.wait_for(AddressStatusSpec, "lo/127.0.0.1/8", lambda _: True)
        route = await state.wait_for(RouteStatusSpec, "local/inet4//127.0.0.1/32/0", lambda _: True)
    assert link.spec.type is LinkType.LOOPBACK
    assert (address.spec.link_name, address.spec.link_index) == ("lo", link.spec.index)
    assert route.spec.out_link_name == "lo"
    assert route.md.owner == "network.RouteStatusController"
