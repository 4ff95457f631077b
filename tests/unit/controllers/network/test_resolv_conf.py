"""Which resolver /etc/resolv.conf names while a node starts."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace

import pytest

from talos.controllers.network.etc_file import EtcFileController
from talos.controllers.network.host_dns_config import ADDRESS_STATUS, HOST_DNS_ADDRESS_V6, HostDNSConfigController
from talos.controllers.network.layers import CONFIG_NAMESPACE, layered_id
from talos.environment import NodeEnvironment
from talos.machined.services.common import HostDNSReachable
from talos.resources.config import MachineConfigSpec
from talos.resources.enums import ConfigLayer
from talos.resources.files import EtcFileSpecSpec
from talos.resources.network import AddressSpecSpec, AddressStatusSpec, HostDNSConfigSpec, ResolverStatusSpec
from talos.state.controller_runtime import ControllerRuntime
from talos.state.inmemory import InMemoryState
from talos.state.resource import Resource

POD_ADDRESS = "169.254.116.108"
CONFIG = """\
machine: {{type: worker, token: abcdef.0123456789abcdef}}
---
apiVersion: v1alpha1
kind: KubeNetworkConfig
podSubnets: [{pods}]
serviceSubnets: [10.96.0.0/12]
---
apiVersion: v1alpha1
kind: ResolverConfig
hostDNS: {{enabled: true, forwardKubeDNSToHost: true}}
"""


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
        await state.create(Resource.new(AddressStatusSpec, ADDRESS_STATUS[POD_ADDRESS], address), owner="x")
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


async def test_of_two_families_both_caches_are_named_and_the_kubelet_waits_for_both(tmp_path: Path) -> None:
    state = InMemoryState()
    env = NodeEnvironment(platform="container", root=tmp_path)
    async with ControllerRuntime(state, [EtcFileController], env):
        listening = ["127.0.0.53:53", f"{POD_ADDRESS}:53", f"[{HOST_DNS_ADDRESS_V6}]:53"]
        config = HostDNSConfigSpec(enabled=True, listen_addresses=listening)
        await state.create(Resource.new(HostDNSConfigSpec, "config", config), owner="x")
        resolvers = ResolverStatusSpec(dns_servers=["10.5.0.1"])
        await state.create(Resource.new(ResolverStatusSpec, "resolvers", resolvers), owner="x")
        kubelet = asyncio.ensure_future(HostDNSReachable().wait(SimpleNamespace(state=state)))
        for address, status in ADDRESS_STATUS.items():
            await names(state, "10.5.0.1")
            assert not kubelet.done()
            on_lo = AddressStatusSpec(address=status.removeprefix("lo/"), link_name="lo")
            await state.create(Resource.new(AddressStatusSpec, ADDRESS_STATUS[address], on_lo), owner="x")
        await names(state, f"{POD_ADDRESS}\nnameserver {HOST_DNS_ADDRESS_V6}")
        await asyncio.wait_for(kubelet, 5)


@pytest.mark.parametrize(
    ("pods", "listening"),
    [
        ("10.244.0.0/16", [f"{POD_ADDRESS}:53"]),
        ("fc00:db8:10::/56", [f"[{HOST_DNS_ADDRESS_V6}]:53"]),
        ("10.244.0.0/16, 'fc00:db8:10::/56'", [f"{POD_ADDRESS}:53", f"[{HOST_DNS_ADDRESS_V6}]:53"]),
    ],
)
async def test_the_cache_listens_in_the_families_of_pods(tmp_path: Path, pods: str, listening: list[str]) -> None:
    state = InMemoryState()
    env = NodeEnvironment(platform="container", root=tmp_path)
    text = CONFIG.format(pods=pods)
    async with ControllerRuntime(state, [HostDNSConfigController], env):
        await state.create(Resource.new(MachineConfigSpec, "v1alpha1", MachineConfigSpec(text=text)), owner="x")
        wanted = ["127.0.0.53:53", *listening]
        found = state.wait_for(HostDNSConfigSpec, "config", lambda r: r.spec.listen_addresses == wanted)
        await asyncio.wait_for(found, 5)
        used = [status for server, status in ADDRESS_STATUS.items() if any(server in one for one in listening)]
        for status in used:
            id_ = layered_id(ConfigLayer.OPERATOR, status)
            await asyncio.wait_for(state.wait_for(AddressSpecSpec, id_, namespace=CONFIG_NAMESPACE), 5)
        assert len(await state.list(AddressSpecSpec, namespace=CONFIG_NAMESPACE)) == len(used)
