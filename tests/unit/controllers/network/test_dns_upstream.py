"""Upstreams of the host's DNS cache: who writes them, and that a silent one is shown as that."""

from __future__ import annotations

import asyncio

from talos.controllers.network.dns_health import Health, health
from talos.controllers.network.dns_resolve_cache import DNSResolveCacheController
from talos.controllers.network.dns_upstream import DNSUpstreamController
from talos.environment import NodeEnvironment
from talos.resources.enums import DNSProtocol
from talos.resources.network import DNSUpstreamSpecSpec, NameServerSpec, ResolverStatusSpec
from talos.state.controller_runtime import ControllerRuntime
from talos.state.inmemory import InMemoryState


async def put(state: InMemoryState, *servers: NameServerSpec) -> None:
    spec = ResolverStatusSpec(name_servers=list(servers))
    await state.modify(ResolverStatusSpec, "resolvers", lambda _: spec)


async def test_servers_in_their_order_and_a_silent_one() -> None:
    state = InMemoryState()
    controllers = [DNSUpstreamController, DNSResolveCacheController]
    async with asyncio.timeout(10), ControllerRuntime(state, controllers, NodeEnvironment()):
        other = NameServerSpec(addr="192.0.2.3", protocol=DNSProtocol.DNS_OVER_TLS)
        await put(state, NameServerSpec(addr="192.0.2.2"), NameServerSpec(addr="2001:db8::1"), other)
        six = await state.wait_for(DNSUpstreamSpecSpec, "#001 Do53 2001:db8::1")
        assert (six.spec.addr, six.spec.healthy) == ("[2001:db8::1]:53", True)
        assert six.md.owner == "network.DNSUpstreamController"
        assert len(await state.list(DNSUpstreamSpecSpec)) == 2, "one over TLS is not asked"
        health().say({("192.0.2.2", 53): False, ("2001:db8::1", 53): True})
        await state.wait_for(DNSUpstreamSpecSpec, "#000 Do53 192.0.2.2", lambda r: not r.spec.healthy)
        assert (await state.get(DNSUpstreamSpecSpec, "#001 Do53 2001:db8::1")).spec.healthy
        await put(state, NameServerSpec(addr="192.0.2.9"))
        await state.wait_for(DNSUpstreamSpecSpec, "#000 Do53 192.0.2.9", lambda r: r.spec.healthy)
        await state.wait_gone(DNSUpstreamSpecSpec, "#000 Do53 192.0.2.2")
        await put(state, NameServerSpec(addr="192.0.2.2"))
        back = await state.wait_for(DNSUpstreamSpecSpec, "#000 Do53 192.0.2.2")
        await state.wait_gone(DNSUpstreamSpecSpec, "#000 Do53 192.0.2.9")
        await state.wait_for(DNSUpstreamSpecSpec, back.id, lambda r: r.spec.healthy)


async def test_who_follows_is_told_of_changes_only_and_until_it_stops() -> None:
    told: list[bool] = []
    board = Health()
    stop = board.follow(lambda: told.append(board.of(("192.0.2.2", 53))))
    board.say({("192.0.2.2", 53): False})
    board.say({("192.0.2.2", 53): False})
    board.say({})
    stop()
    board.say({("192.0.2.2", 53): False})
    assert told == [False, True]
