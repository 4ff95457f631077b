"""Addresses of Services that nothing answers for yet are refused, not lost.

Until kube-proxy has programmed a Service, a connection to its address leaves the node by the default route and is never
answered: whoever tries first waits for a time-out (CoreDNS took 55 s to become Ready that way, 25 s with this rule).
The rules look at destinations after translation (filter priority): once kube-proxy translates, they match nothing.
machined, which alone reads the configuration, publishes the subnets; networkd makes the rules.
"""

from __future__ import annotations

import ipaddress

from talos.controllers import machine_config
from talos.linux.nft import run as nft
from talos.state.controller import EXCLUSIVE, Controller, Input, Output
from talos.state.runtime import Runtime
from talos.state.spec import Spec, resource

TABLE = "talos"  # DefaultNfTablesTableName
_CHAINS = (("services-forward", "forward"), ("services-output", "output"))


@resource(
    type="ServiceNetworks.net.pytalos.dev",
    namespace="network",
    display="ServiceNetwork",
    columns=(("Subnets", "{.subnets}"),),
)
class ServiceNetworkSpec(Spec):
    """Subnets of Kubernetes Services."""

    subnets: list[str] = []  # noqa: RUF012 - a msgspec field


class ServiceNetworkController(Controller):
    name = "network.ServiceNetworkController"
    inputs = (machine_config.ACTIVE_CONFIG,)
    outputs = (Output(ServiceNetworkSpec, EXCLUSIVE),)

    async def reconcile(self, rt: Runtime) -> None:
        config = await machine_config.active(rt)
        if config is None:
            await rt.keep_only(ServiceNetworkSpec, ())
            return
        spec = ServiceNetworkSpec(subnets=list(config.cluster.service_cidrs))
        await rt.modify(ServiceNetworkSpec, "services", lambda _old: spec)


def ruleset(subnets: list[str]) -> str:
    """nft script that replaces our chains in one transaction."""
    lines = [f"add table inet {TABLE}"]
    for chain, hook in _CHAINS:
        lines.append(f"add chain inet {TABLE} {chain} {{ type filter hook {hook} priority filter; policy accept; }}")
        lines.append(f"flush chain inet {TABLE} {chain}")
        for subnet in subnets:
            family = "ip" if ipaddress.ip_network(subnet).version == 4 else "ip6"
            match = f"add rule inet {TABLE} {chain} {family} daddr {subnet}"
            lines.append(f"{match} tcp dport 0-65535 reject with tcp reset")
            lines.append(f"{match} reject")
    return "\n".join(lines) + "\n"


class ServiceRejectController(Controller):
    name = "network.ServiceRejectController"
    process = "networkd"
    inputs = (Input(ServiceNetworkSpec, id="services"),)

    async def reconcile(self, rt: Runtime) -> None:
        services = await rt.get_or_none(ServiceNetworkSpec, "services")
        if services is None:
            return  # no configuration, or not yet after machined started again: rules that there are stay
        await nft(ruleset(services.spec.subnets))
