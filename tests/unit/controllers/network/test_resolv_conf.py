"""Which resolver /etc/resolv.conf names while a node starts."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace

from talos.controllers.network.etc_file import EtcFileController
from talos.controllers.network.host_dns_config import ADDRESS_STATUS
from talos.environment import NodeEnvironment
from talos.machined.services.common import HostDNSReachable
from talos.resources.files import EtcFileSpecSpec
from talos.resources.network import AddressStatusSpec, HostDNSConfigSpec, ResolverStatusSpec
from talos.state.controller_runtime import ControllerRuntime
from talos.state.inmemory import InMemoryState
from talos.state.resource import Resource

POD_ADDRESS = "169.254.116.108"


async def names(state: InMemoryState, server: str) -> None:
    """Return when resolv.conf names that server and no other."""
    wanted = f"nameserver {server}\n"
    await asyncio.wait_for(state.wait_for(EtcFileSpecSpec, "resolv.conf", lambda r: r.spec.contents == wanted), 5)


async def test_the_cache_is_named_when_its_address_is_on_the_node_and_not_before(tmp_path: Path) -> None:
    """A question sent to the link-local address before networkd has assigned it leaves by the default route."""
    state = InMemoryState()
    env = NodeEnvironment(platform="container", root=tmp_path)
    async with ControllerRuntime(state, [EtcFileController], env):
        config = HostDNSConfigSpec(enabled=True, listen_addresses=["127.0.0.53:53", f"{POD_ADDRESS}:53"])
        await state.create(Resource.new(HostDNSConfigSpec, "config", config), owner="x")
        resolvers = ResolverStatusSpec(dns_servers=["10.5.0.1"])
        await state.create(Resource.new(ResolverStatusSpec, "resolvers", resolvers), owner="x")
        await names(state, "10.5.0.1")
        kubelet = asyncio.ensure_future(HostDNSReachable().wait(SimpleNamespace(state=state)))
        for _ in range(20):
            await asyncio.sleep(0)
        assert not kubelet.done(), "pods would be given a resolver that does not answer them"
        address = AddressStatusSpec(address=f"{POD_ADDRESS}/32", link_name="lo")
        await state.create(Resource.new(AddressStatusSpec, ADDRESS_STATUS, address), owner="x")
        await names(state, POD_ADDRESS)
        await asyncio.wait_for(kubelet, 5)


async def test_a_cache_for_the_node_alone_needs_no_address(tmp_path: Path) -> None:
    state = InMemoryState()
    env = NodeEnvironment(platform="container", root=tmp_path)
    async with ControllerRuntime(state, [EtcFileController], env):
        config = HostDNSConfigSpec(enabled=True, listen_addresses=["127.0.0.53:53"])
        await state.create(Resource.new(HostDNSConfigSpec, "config", config), owner="x")
        resolvers = ResolverStatusSpec(dns_servers=["10.5.0.1"])
        await state.create(Resource.new(ResolverStatusSpec, "resolvers", resolvers), owner="x")
        await names(state, "127.0.0.53")
        await asyncio.wait_for(HostDNSReachable().wait(SimpleNamespace(state=state)), 5)
