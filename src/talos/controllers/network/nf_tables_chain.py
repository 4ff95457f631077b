"""Makes the kernel's chains agree with the specs: all of them replaced in one transaction, none of others touched."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping

from talos.controllers.network.service_network import TABLE
from talos.linux.nft import run as nft
from talos.resources.enums import ConntrackState, MatchOperator, NfTablesVerdict
from talos.resources.network import (
    NfTablesAddressMatch,
    NfTablesChainSpec,
    NfTablesIfNameMatch,
    NfTablesLayer4Match,
    NfTablesRule,
    PortRange,
)
from talos.state.controller import STRONG, Controller, Input
from talos.state.resource import Phase
from talos.state.runtime import Runtime

_FAMILY = {4: "ip", 6: "ip6"}


class NotRenderedError(ValueError):
    """A match that this version has no nft expression for: leaving it out would let in too much."""


def ruleset(chains: Mapping[str, NfTablesChainSpec], before: set[str]) -> str:
    """nft script that puts these chains in the place of those of `before`."""
    lines = [f"add table inet {TABLE}"]
    for name in sorted(before | set(chains)):
        # Added first so that it can be deleted whether it is there or not: a base chain's hook cannot be changed.
        lines += [f"add chain inet {TABLE} {name}", f"delete chain inet {TABLE} {name}"]
    for name, spec in sorted(chains.items()):
        lines.append(
            f"add chain inet {TABLE} {name} {{ type {spec.type} hook {spec.hook.text} priority {int(spec.priority)}; "
            f"policy {spec.policy.text}; }}"
        )
        lines += [f"add rule inet {TABLE} {name} {text}" for rule in spec.rules for text in rule_texts(rule)]
    return "\n".join(lines) + "\n"


def rule_texts(rule: NfTablesRule) -> Iterator[str]:
    """A rule in nft(8)'s language: one line for each family of addresses that it names."""
    if rule.match_oif_name or rule.match_mark or rule.clamp_mss or rule.set_mark or rule.match_destination_address:
        raise NotRenderedError("matches on outgoing link, mark, MSS and destination address are not carried out yet")
    before = [_names("iifname", rule.match_iif_name)] if rule.match_iif_name is not None else []
    if rule.match_conntrack_state is not None:
        states = ", ".join(ConntrackState(state).text for state in rule.match_conntrack_state.states)
        before.append(f"ct state {{ {states} }}")
    after = list(_layer4(rule.match_layer4)) if rule.match_layer4 is not None else []
    if rule.match_limit is not None:
        after.append(f"limit rate {rule.match_limit.packet_rate_per_second}/second")
    after += ["counter"] if rule.anonymous_counter else []
    after.append("accept" if rule.verdict is NfTablesVerdict.ACCEPT else "drop")
    sources = [""] if rule.match_source_address is None else list(_sources(rule.match_source_address))
    for source in sources:
        yield " ".join(word for word in (*before, source, *after) if word)


def _names(key: str, match: NfTablesIfNameMatch) -> str:
    listed = ", ".join(f'"{name}"' for name in match.interface_name)
    return f"{key} {'!= ' if match.operator is MatchOperator.NOT_EQUAL else ''}{{ {listed} }}"


def _sources(match: NfTablesAddressMatch) -> Iterator[str]:
    """Conditions of which one must hold. Inverted, a family that no subnet is of is outside of all."""
    for version, family in _FAMILY.items():
        included, excluded = (_nets(nets, version) for nets in (match.include_subnets, match.exclude_subnets))
        if match.invert:
            if not included:
                yield f"meta nfproto ipv{version}"
            else:
                yield f"{family} saddr != {{ {', '.join(included)} }}"
                if excluded:
                    yield f"{family} saddr {{ {', '.join(excluded)} }}"
        elif included:
            without = f" {family} saddr != {{ {', '.join(excluded)} }}" if excluded else ""
            yield f"{family} saddr {{ {', '.join(included)} }}{without}"


def _nets(texts: list[str], version: int) -> list[str]:
    nets = (ipaddress.ip_network(text, strict=False) for text in texts)
    # Sets of intervals must not overlap.
    collapsed = ipaddress.collapse_addresses([net for net in nets if net.version == version])  # type: ignore[type-var]
    return [str(net) for net in collapsed]


def _layer4(match: NfTablesLayer4Match) -> Iterator[str]:
    name = match.protocol.text
    yield f"meta l4proto {int(match.protocol)}"  # a number: the node has no /etc/protocols to look names up in
    for direction, ports in (("sport", match.match_source_port), ("dport", match.match_destination_port)):
        if ports is not None:
            ranges = (str(one.lo) if one.lo == one.hi else f"{one.lo}-{one.hi}" for one in _merged(ports.ranges))
            yield f"{name} {direction} {{ {', '.join(ranges)} }}"
    if match.match_icmp_type is not None:
        yield f"{name} type {{ {', '.join(map(str, match.match_icmp_type.types))} }}"


def _merged(ranges: list[PortRange]) -> list[PortRange]:
    """In order and without overlaps."""
    found: list[PortRange] = []
    for one in sorted(ranges, key=lambda item: (item.lo, item.hi)):
        if found and one.lo <= found[-1].hi + 1:
            found[-1] = PortRange(lo=found[-1].lo, hi=max(found[-1].hi, one.hi))
        else:
            found.append(one)
    return found


class NfTablesChainController(Controller):
    name = "network.NfTablesChainController"
    process = "networkd"
    inputs = (Input(NfTablesChainSpec, STRONG),)

    def __init__(self) -> None:
        self._made: set[str] = set()
        self._script = ""

    async def reconcile(self, rt: Runtime) -> None:
        resources = await rt.list(NfTablesChainSpec)
        if not resources and not self._made:
            return  # no firewall: not even a program is started for it
        chains = {}
        leaving = [resource for resource in resources if resource.md.phase is Phase.TEARING_DOWN]
        for resource in resources:
            if resource.md.phase is Phase.RUNNING:
                chains[resource.id] = (await rt.add_finalizer(resource)).spec
        script = ruleset(chains, self._made | {resource.id for resource in leaving})
        if script != self._script:
            await nft(script)
            rt.log.info("nftables chains: %s", ", ".join(sorted(chains)) or "none")
        self._made, self._script = set(chains), script
        for resource in leaving:
            await rt.remove_finalizer(resource)
