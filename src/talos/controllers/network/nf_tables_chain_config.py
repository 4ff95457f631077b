"""The ingress firewall as a chain: what the configuration lets in, and what a node of a cluster cannot do without.

The chain looks at packets before Services are translated (prerouting, before nat), so that its rules mean the ports
that a client names, NodePorts included, and nothing that kube-proxy does opens a way around it.
"""

from __future__ import annotations

from collections.abc import Iterable

from talos.config.view.model import Firewall, FirewallRule
from talos.controllers import machine_config
from talos.controllers.publish import publish
from talos.resources.enums import (
    ConntrackState,
    NfTablesChainHook,
    NfTablesChainPriority,
    NfTablesVerdict,
    Protocol,
)
from talos.resources.network import (
    NfTablesAddressMatch,
    NfTablesChainSpec,
    NfTablesConntrackStateMatch,
    NfTablesICMPTypeMatch,
    NfTablesIfNameMatch,
    NfTablesLayer4Match,
    NfTablesLimitMatch,
    NfTablesPortMatch,
    NfTablesRule,
    PortRange,
)
from talos.state.controller import EXCLUSIVE, Controller, Output
from talos.state.runtime import Runtime

INGRESS = "ingress"
_ACCEPT, _DROP = NfTablesVerdict.ACCEPT, NfTablesVerdict.DROP
_ICMP_PER_SECOND = 5
_NEIGHBOURS = bytes((133, 134, 135, 136, 137))
"""types of neighbour discovery: without them there is no IPv6 on the link, so they are not limited"""


def chain(firewall: Firewall, cluster: Iterable[str]) -> NfTablesChainSpec:
    """cluster: subnets of pods and Services, whose members may always speak with the node."""
    spec = NfTablesChainSpec(
        type="filter",
        hook=NfTablesChainHook.PREROUTING,
        priority=NfTablesChainPriority.MANGLE,
        policy=_DROP if firewall.block else _ACCEPT,
    )
    if not firewall.block:
        spec.rules = [_rule(rule, inverted=True) for rule in firewall.rules]
        return spec
    known = NfTablesConntrackStateMatch(states=[ConntrackState.ESTABLISHED, ConntrackState.RELATED])
    invalid = NfTablesConntrackStateMatch(states=[ConntrackState.INVALID])
    neighbours = NfTablesLayer4Match(
        protocol=Protocol.ICMPV6, match_icmp_type=NfTablesICMPTypeMatch(types=_NEIGHBOURS)
    )
    limit = NfTablesLimitMatch(packet_rate_per_second=_ICMP_PER_SECOND)
    spec.rules = [
        NfTablesRule(match_iif_name=NfTablesIfNameMatch(interface_name=["lo"]), verdict=_ACCEPT),
        NfTablesRule(match_conntrack_state=known, verdict=_ACCEPT),
        NfTablesRule(match_layer4=neighbours, verdict=_ACCEPT),
        NfTablesRule(match_conntrack_state=invalid, anonymous_counter=True, verdict=_DROP),
        *(
            NfTablesRule(match_layer4=NfTablesLayer4Match(protocol=one), match_limit=limit, verdict=_ACCEPT)
            for one in (Protocol.ICMP, Protocol.ICMPV6)
        ),
    ]
    if members := list(cluster):
        source = NfTablesAddressMatch(include_subnets=members)
        spec.rules.append(NfTablesRule(match_source_address=source, verdict=_ACCEPT))
    spec.rules += [_rule(rule, inverted=False) for rule in firewall.rules]
    return spec


def _rule(rule: FirewallRule, *, inverted: bool) -> NfTablesRule:
    """Accept from its subnets or, inverted, drop from everywhere else."""
    ranges = [PortRange(lo=first, hi=last) for first, last in rule.ports]
    return NfTablesRule(
        match_source_address=NfTablesAddressMatch(
            include_subnets=[subnet for subnet, _ in rule.subnets],
            exclude_subnets=[exception for _, exception in rule.subnets if exception],
            invert=inverted,
        ),
        match_layer4=NfTablesLayer4Match(
            protocol=Protocol.parse(rule.protocol),
            match_destination_port=NfTablesPortMatch(ranges=ranges) if ranges else None,
        ),
        anonymous_counter=True,
        verdict=_DROP if inverted else _ACCEPT,
    )


class NfTablesChainConfigController(Controller):
    name = "network.NfTablesChainConfigController"
    inputs = (machine_config.ACTIVE_CONFIG,)
    outputs = (Output(NfTablesChainSpec, EXCLUSIVE),)

    async def reconcile(self, rt: Runtime) -> None:
        config = await machine_config.active(rt)
        desired = {}
        if config is not None and (config.network.firewall.block or config.network.firewall.rules):
            subnets = [*config.cluster.pod_cidrs, *config.cluster.service_cidrs]
            desired[INGRESS] = chain(config.network.firewall, subnets)
        await publish(rt, NfTablesChainSpec, desired)
