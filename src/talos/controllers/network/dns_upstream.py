"""The servers that the host's DNS cache asks, and which of them answer."""

from __future__ import annotations

from talos.controllers.network.dns_health import health
from talos.controllers.publish import publish
from talos.resources.enums import DNSProtocol
from talos.resources.network import DNSUpstreamSpecSpec, ResolverStatusSpec
from talos.state.controller import EXCLUSIVE, Controller, Input, Output
from talos.state.runtime import Runtime

PORT = 53


class DNSUpstreamController(Controller):
    """ResolverStatus, and what the cache met → DNSUpstreams, in the order in which they are asked."""

    name = "network.DNSUpstreamController"
    process = "networkd"
    inputs = (Input(ResolverStatusSpec, id="resolvers"),)
    outputs = (Output(DNSUpstreamSpecSpec, EXCLUSIVE),)

    async def run(self, rt: Runtime) -> None:
        forget = health().follow(rt.trigger)
        try:
            async for _ in rt.events():
                await self.reconcile(rt)
        finally:
            forget()

    async def reconcile(self, rt: Runtime) -> None:
        resolvers = await rt.get_or_none(ResolverStatusSpec, "resolvers")
        servers = resolvers.spec.name_servers if resolvers is not None else []
        usable = [server.addr for server in servers if server.protocol is DNSProtocol.DEFAULT]
        if len(usable) < len(servers):
            rt.log.warning("resolvers over TLS or HTTPS are not part of this version and are left out")
        desired = {}
        for number, host in enumerate(usable):
            address = f"[{host}]:{PORT}" if ":" in host else f"{host}:{PORT}"
            spec = DNSUpstreamSpecSpec(addr=address, healthy=health().of((host, PORT)))
            desired[f"#{number:03d} Do53 {host}"] = spec
        await publish(rt, DNSUpstreamSpecSpec, desired)
