"""Resolvers by layer: public ones (default), the platform's, the configured ones."""

from __future__ import annotations

from talos.controllers import machine_config
from talos.controllers.network.layers import CONFIG_NAMESPACE, layered_id
from talos.controllers.publish import publish
from talos.resources.enums import ConfigLayer, DNSProtocol
from talos.resources.network import NameServerSpec, PlatformConfigSpec, ResolverSpecSpec
from talos.state.controller import SHARED, Controller, Input, Output
from talos.state.runtime import Runtime

DEFAULT_SERVERS = ("1.1.1.1", "8.8.8.8")


class ResolverConfigController(Controller):
    name = "network.ResolverConfigController"
    inputs = (machine_config.ACTIVE_CONFIG, Input(PlatformConfigSpec, id="active"))
    outputs = (Output(ResolverSpecSpec, SHARED),)

    async def reconcile(self, rt: Runtime) -> None:
        found = [
            ResolverSpecSpec(
                dns_servers=list(DEFAULT_SERVERS),
                name_servers=[NameServerSpec(addr=server) for server in DEFAULT_SERVERS],
                layer=ConfigLayer.DEFAULT,
            )
        ]
        platform = await rt.get_or_none(PlatformConfigSpec, "active")
        if platform is not None:
            found += platform.spec.resolvers[:1]
        config = await machine_config.active(rt)
        if config is not None:
            resolvers = config.network.resolvers
            if resolvers.nameservers or resolvers.search_domains:
                found.append(
                    ResolverSpecSpec(
                        dns_servers=[server.address for server in resolvers.nameservers],
                        name_servers=[
                            NameServerSpec(
                                addr=server.address,
                                protocol=DNSProtocol.parse(server.protocol),
                                tls_server_name=server.tls_server_name,
                            )
                            for server in resolvers.nameservers
                        ],
                        layer=ConfigLayer.MACHINE_CONFIGURATION,
                        search_domains=list(resolvers.search_domains),
                        search_domains_overridden=resolvers.disable_search_domain,
                    )
                )
        desired = {layered_id(spec.layer, "resolvers"): spec for spec in found}
        await publish(rt, ResolverSpecSpec, desired, namespace=CONFIG_NAMESPACE)
