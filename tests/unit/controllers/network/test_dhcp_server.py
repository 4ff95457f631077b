"""A link that is left to the defaults, and a real DHCP server (dnsmasq) at the other end of the wire."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.wires import Wire, needs, root, stop, wire

from talos.controllers.network import physical
from talos.controllers.network.address_merge import AddressMergeController
from talos.controllers.network.address_spec import AddressSpecController
from talos.controllers.network.address_status import AddressStatusController
from talos.controllers.network.hostname_merge import HostnameMergeController
from talos.controllers.network.link_config import LinkConfigController
from talos.controllers.network.link_merge import LinkMergeController
from talos.controllers.network.link_spec import LinkSpecController
from talos.controllers.network.link_status import LinkStatusController
from talos.controllers.network.operator_config import OperatorConfigController
from talos.controllers.network.operator_merge import OperatorMergeController
from talos.controllers.network.operator_spec import OperatorSpecController
from talos.controllers.network.physical import is_physical
from talos.controllers.network.platform_config import PlatformConfigController
from talos.controllers.network.resolver_merge import ResolverMergeController
from talos.controllers.network.route_merge import RouteMergeController
from talos.controllers.network.route_spec import RouteSpecController
from talos.controllers.network.route_status import RouteStatusController
from talos.controllers.network.time_server_merge import TimeServerMergeController
from talos.environment import NodeEnvironment
from talos.resources.network import (
    AddressStatusSpec,
    HostnameSpecSpec,
    LinkStatusSpec,
    OperatorSpecSpec,
    ResolverSpecSpec,
    RouteStatusSpec,
    TimeServerSpecSpec,
)
from talos.state.clock import LoopClock, Timer
from talos.state.controller import Controller
from talos.state.controller_runtime import ControllerRuntime
from talos.state.inmemory import InMemoryState

MACHINED: list[type[Controller]] = [LinkConfigController, OperatorConfigController, PlatformConfigController]
NETWORKD: list[type[Controller]] = [
    LinkMergeController, LinkSpecController, LinkStatusController, AddressMergeController, AddressSpecController,
    AddressStatusController, RouteMergeController, RouteSpecController, RouteStatusController, ResolverMergeController,
    TimeServerMergeController, HostnameMergeController, OperatorMergeController, OperatorSpecController,
]  # fmt: skip
OPTIONS = (
    "--dhcp-option=option:router,10.9.0.1",
    "--dhcp-option=option:dns-server,10.9.0.1,10.9.0.3",
    "--dhcp-option=option:domain-search,one.test,two.test",
    "--dhcp-option=option:ntp-server,10.9.0.4",
    "--dhcp-option=option:mtu,1400",
)

pytestmark = [root, needs("dnsmasq")]


class Server:
    """dnsmasq on the peer's end of a wire, which has 10.9.0.1/24."""

    def __init__(self, cable: Wire, folder: Path) -> None:
        self._cable, self._folder = cable, folder
        cable.execute(cable.peer, "ip", "address", "add", "10.9.0.1/24", "dev", "lan0")

    def start(self, *options: str, pool: str = "10.9.0.50,10.9.0.60,255.255.255.0,2m") -> Any:
        process = self._cable.start(
            self._cable.peer, "dnsmasq", "--no-daemon", "--conf-file=/dev/null", "--port=0", "--interface=lan0",
            "--bind-interfaces", f"--dhcp-leasefile={self._folder}/leases", "--user=root", "--log-dhcp", "--no-ping",
            "--dhcp-authoritative", "--log-facility=-", f"--dhcp-range={pool}", *options,
        )  # fmt: skip
        assert process.stdout is not None
        for line in process.stdout:
            if "DHCP, sockets bound" in line or "DHCP, IP range" in line:
                return process
        raise AssertionError(f"dnsmasq ended with {process.wait()}")


@pytest.fixture
def cable(monkeypatch: pytest.MonkeyPatch) -> Iterator[Wire]:
    """A wire whose ends count as hardware: a namespace has nothing but virtual links."""
    monkeypatch.setattr(physical, "is_physical", lambda link: link.kind == "veth" or is_physical(link))
    with wire() as made:
        yield made


@pytest.fixture
def server(cable: Wire, tmp_path: Path) -> Server:
    return Server(cable, tmp_path)


class Hurried(LoopClock):
    """The client's minutes are three seconds; the server's are not. dnsmasq grants two minutes at least."""

    FACTOR = 20.0

    def monotonic(self) -> float:
        return time.monotonic() * self.FACTOR

    def call_later(self, seconds: float, call: Callable[[], None]) -> Timer:
        return super().call_later(seconds / self.FACTOR, call)

    async def sleep(self, seconds: float) -> None:
        await super().sleep(seconds / self.FACTOR)


def metal(tmp_path: Path) -> NodeEnvironment:
    return NodeEnvironment(platform="metal", root=tmp_path)


async def until(condition: Callable[[], Any], seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "did not come true"
        await asyncio.sleep(0.02)


def test_everything_that_the_server_says_becomes_true(cable: Wire, server: Server, tmp_path: Path) -> None:
    process = server.start(*OPTIONS, "--dhcp-host=02:00:00:00:00:07,10.9.0.7,machine7")
    cable.execute(cable.node, "ip", "link", "set", "eth0", "address", "02:00:00:00:00:07")

    async def body() -> None:
        state = InMemoryState()
        async with asyncio.timeout(20), ControllerRuntime(state, [*MACHINED, *NETWORKD], metal(tmp_path)):
            await state.wait_for(AddressStatusSpec, "eth0/10.9.0.7/24", lambda _: True)
            route = await state.wait_for(RouteStatusSpec, "inet4/10.9.0.1//1024", lambda _: True)
            assert (route.spec.out_link_name, route.spec.src) == ("eth0", "10.9.0.7")
            await state.wait_for(LinkStatusSpec, "eth0", lambda link: link.spec.mtu == 1400)
            resolvers = await state.wait_for(ResolverSpecSpec, "resolvers", lambda _: True)
            assert resolvers.spec.dns_servers == ["10.9.0.1", "10.9.0.3"]
            assert resolvers.spec.search_domains == ["one.test", "two.test"]
            times = await state.wait_for(TimeServerSpecSpec, "timeservers", lambda _: True)
            assert times.spec.time_servers == ["10.9.0.4"]
            name = await state.wait_for(HostnameSpecSpec, "hostname", lambda _: True)
            assert name.spec.hostname == "machine7"

    try:
        cable.run(body)
    finally:
        log = stop(process)
    for step in ("DHCPDISCOVER", "DHCPOFFER", "DHCPREQUEST", "DHCPACK"):
        assert step in log
    assert "default via 10.9.0.1 dev eth0 src 10.9.0.7 metric 1024" in cable.execute(
        cable.node, "ip", "route"
    )


def test_classless_routes_and_a_gateway_outside_the_subnet(cable: Wire, server: Server, tmp_path: Path) -> None:
    process = server.start(
        "--dhcp-option=option:classless-static-route,0.0.0.0/0,10.9.7.1,172.20.0.0/16,10.9.0.2",
        "--dhcp-option=option:router,10.9.0.1",
    )

    async def body() -> None:
        state = InMemoryState()
        async with asyncio.timeout(20), ControllerRuntime(state, [*MACHINED, *NETWORKD], metal(tmp_path)):
            await state.wait_for(RouteStatusSpec, "inet4/10.9.7.1//1024", lambda _: True)
            await state.wait_for(RouteStatusSpec, "inet4/10.9.0.2/172.20.0.0/16/1024", lambda _: True)

    try:
        cable.run(body)
    finally:
        stop(process)
    routes = cable.execute(cable.node, "ip", "route")
    assert "10.9.7.1 dev eth0" in routes
    assert "via 10.9.0.1" not in routes, "the router option does not count beside classless routes"


@pytest.mark.slow
def test_renewal_restart_of_both_processes_and_release(cable: Wire, server: Server, tmp_path: Path) -> None:
    """One lease through a renewal, a new machined (empty state), a new networkd, and given back at the end."""
    process = server.start()
    state = InMemoryState()
    env = NodeEnvironment(platform="metal", root=tmp_path, clock=Hurried())

    def addresses() -> list[str]:
        with cable.inside(cable.node) as sock:
            return [str(item.interface) for item in sock.addresses() if str(item.interface).startswith("10.9.0.")]

    async def body() -> None:
        async with ControllerRuntime(state, MACHINED, env):
            async with ControllerRuntime(state, NETWORKD, env):
                await until(addresses)
                before = addresses()
                granted = (tmp_path / "leases").read_text()
                await until(lambda: (tmp_path / "leases").read_text() != granted)  # dnsmasq has prolonged it
                assert addresses() == before
            async with ControllerRuntime(state, NETWORKD, env):
                await asyncio.sleep(0.5)
                assert addresses() == before
                for operator in await state.list(OperatorSpecSpec, namespace="network-config"):
                    whose = {"owner": operator.md.owner, "namespace": "network-config"}
                    await state.teardown(OperatorSpecSpec, operator.id, **whose)
                    await state.destroy(OperatorSpecSpec, operator.id, **whose)
                await until(lambda: not addresses())

    try:
        cable.run(body)
    finally:
        log = stop(process)
    # Of transactions, not of packets: where time runs faster than the server, one is sent again.
    searches = set(re.findall(r": (\d+) DHCPDISCOVER\(lan0\)", log))
    assert len(searches) == 1, log
    assert log.count("DHCPREQUEST(lan0)") >= 3, log
    assert "DHCPRELEASE" in log


@pytest.mark.slow
def test_a_cable_that_is_put_into_another_network(cable: Wire, server: Server, tmp_path: Path) -> None:
    first = server.start()
    state = InMemoryState()

    async def body() -> None:
        async with asyncio.timeout(30), ControllerRuntime(state, [*MACHINED, *NETWORKD], metal(tmp_path)):
            async def has(prefix: str) -> None:
                async for _event in state.watch(AddressStatusSpec):
                    if any(a.id.startswith(f"eth0/{prefix}") for a in await state.list(AddressStatusSpec)):
                        return

            await has("10.9.0.")
            await asyncio.to_thread(cable.execute, cable.peer, "ip", "link", "set", "lan0", "down")
            await state.wait_for(LinkStatusSpec, "eth0", lambda link: not link.spec.link_state)
            await has("10.9.0.")  # a pulled cable takes no address
            await asyncio.to_thread(stop, first)
            await asyncio.to_thread(cable.execute, cable.peer, "ip", "address", "add", "10.10.0.1/24", "dev", "lan0")
            await asyncio.to_thread(cable.execute, cable.peer, "ip", "address", "del", "10.9.0.1/24", "dev", "lan0")
            await asyncio.to_thread(cable.execute, cable.peer, "ip", "link", "set", "lan0", "up")
            other = await asyncio.to_thread(server.start, pool="10.10.0.50,10.10.0.60,255.255.255.0,2m")
            try:
                await has("10.10.0.")
                assert not [a.id for a in await state.list(AddressStatusSpec) if "/10.9.0." in a.id]
            finally:
                await asyncio.to_thread(stop, other)

    cable.run(body)


def test_a_container_asks_nobody(cable: Wire, server: Server, tmp_path: Path) -> None:
    process = server.start()
    cable.execute(cable.node, "ip", "link", "set", "eth0", "up")
    env = NodeEnvironment(platform="container", root=tmp_path)

    async def body() -> None:
        state = InMemoryState()
        async with ControllerRuntime(state, [*MACHINED, *NETWORKD], env):
            await state.wait_for(LinkStatusSpec, "eth0", lambda link: link.spec.link_state)
            await asyncio.sleep(0.5)
            assert not await state.list(OperatorSpecSpec)

    try:
        cable.run(body)
    finally:
        log = stop(process)
    assert "DISCOVER" not in log
