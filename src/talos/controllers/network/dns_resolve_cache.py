"""Runs the host's DNS cache where HostDNSConfig says, and says which of its upstreams answer (dns_health)."""

from __future__ import annotations

from talos.controllers.network.dns_forwarder import Forwarder, Listener, Upstream
from talos.controllers.network.dns_health import health
from talos.controllers.publish import publish
from talos.resources.network import (
    DNSResolveCacheSpec,
    DNSUpstreamSpecSpec,
    HostDNSConfigSpec,
    HostnameStatusSpec,
    NodeAddressSpec,
)
from talos.state.controller import EXCLUSIVE, Controller, Input, Output
from talos.state.runtime import Runtime


class DNSResolveCacheController(Controller):
    name = "network.DNSResolveCacheController"
    process = "networkd"
    inputs = (
        Input(HostDNSConfigSpec, id="config"),
        Input(DNSUpstreamSpecSpec),
        Input(HostnameStatusSpec, id="hostname"),
        Input(NodeAddressSpec, id="default"),
    )
    outputs = (Output(DNSResolveCacheSpec, EXCLUSIVE),)

    async def run(self, rt: Runtime) -> None:
        forwarder = Forwarder(rt.clock, lambda: self._say(forwarder))
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
        upstreams = sorted(await rt.list(DNSUpstreamSpecSpec), key=lambda upstream: upstream.id)
        split = [upstream.spec.addr.rpartition(":") for upstream in upstreams]
        forwarder.set_upstreams([Upstream(host.strip("[]"), int(port)) for host, _, port in split])
        self._say(forwarder)

    def _say(self, forwarder: Forwarder) -> None:
        health().say({(upstream.host, upstream.port): upstream.healthy for upstream in forwarder.upstreams})

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
