"""Runs the host's DNS cache where HostDNSConfig says, with the resolvers in use as upstreams, and reports on both."""

from __future__ import annotations

from talos.controllers.network.dns_forwarder import Forwarder, Listener, Upstream
from talos.controllers.publish import publish
from talos.resources.enums import DNSProtocol
from talos.resources.network import (
    DNSResolveCacheSpec,
    DNSUpstreamSpecSpec,
    HostDNSConfigSpec,
    HostnameStatusSpec,
    NodeAddressSpec,
    ResolverStatusSpec,
)
from talos.state.controller import EXCLUSIVE, Controller, Input, Output
from talos.state.runtime import Runtime


class DNSResolveCacheController(Controller):
    name = "network.DNSResolveCacheController"
    process = "networkd"
    inputs = (
        Input(HostDNSConfigSpec, id="config"),
        Input(ResolverStatusSpec, id="resolvers"),
        Input(HostnameStatusSpec, id="hostname"),
        Input(NodeAddressSpec, id="default"),
    )
    outputs = (Output(DNSResolveCacheSpec, EXCLUSIVE), Output(DNSUpstreamSpecSpec, EXCLUSIVE))

    async def run(self, rt: Runtime) -> None:
        forwarder = Forwarder(rt.clock, rt.trigger)
        listeners: dict[str, Listener] = {}
        try:
            async for _ in rt.events():
                await self._upstreams(rt, forwarder)
                await self._local_names(rt, forwarder)
                await self._listen(rt, forwarder, listeners)
        finally:
            for listener in listeners.values():
                listener.close()

    async def _upstreams(self, rt: Runtime, forwarder: Forwarder) -> None:
        resolvers = await rt.get_or_none(ResolverStatusSpec, "resolvers")
        servers = resolvers.spec.name_servers if resolvers is not None else []
        usable = [server.addr for server in servers if server.protocol is DNSProtocol.DEFAULT]
        if len(usable) < len(servers):
            rt.log.warning("resolvers over TLS or HTTPS are not part of this version and are left out")
        forwarder.set_upstreams([Upstream(host) for host in usable])
        desired = {
            f"#{number:03d} Do53 {upstream.host}": DNSUpstreamSpecSpec(
                addr=f"{upstream.host}:{upstream.port}", healthy=upstream.healthy
            )
            for number, upstream in enumerate(forwarder.upstreams)
        }
        await publish(rt, DNSUpstreamSpecSpec, desired)

    async def _local_names(self, rt: Runtime, forwarder: Forwarder) -> None:
        hostname = await rt.get_or_none(HostnameStatusSpec, "hostname")
        default = await rt.get_or_none(NodeAddressSpec, "default")
        if hostname is None or default is None:
            return
        addresses = [address.partition("/")[0] for address in default.spec.addresses]
        names = [hostname.spec.hostname.lower()]
        if hostname.spec.domainname:
            names.append(f"{hostname.spec.hostname}.{hostname.spec.domainname}".lower())
        forwarder.local = dict.fromkeys(names, addresses)

    async def _listen(self, rt: Runtime, forwarder: Forwarder, listeners: dict[str, Listener]) -> None:
        config = await rt.get_or_none(HostDNSConfigSpec, "config")
        wanted = config.spec.listen_addresses if config is not None and config.spec.enabled else []
        for address in [address for address in listeners if address not in wanted]:
            listeners.pop(address).close()
        for address in wanted:
            if address not in listeners:
                host, _, port = address.rpartition(":")
                listener = Listener(forwarder, host.strip("[]"), int(port))
                await listener.start()
                listeners[address] = listener
                rt.log.info("DNS cache listens on %s", address)
        running = DNSResolveCacheSpec(status="running")
        desired = {f"{kind}-{address}": running for address in listeners for kind in ("tcp", "udp")}
        await publish(rt, DNSResolveCacheSpec, desired)
