"""NfTablesChain: resource type NfTablesChains.net.talos.dev."""

from __future__ import annotations

import msgspec

from talos.resources.enums import (
    ConntrackState,
    MatchOperator,
    NfTablesChainHook,
    NfTablesChainPriority,
    NfTablesVerdict,
    Protocol,
)
from talos.state.spec import Part, Spec, part, resource


@part(proto_names={"interface_name": "interface_names"})
class NfTablesIfNameMatch(Part):
    """Message NfTablesIfNameMatch of the wire contract."""

    interface_name: list[str] = []
    operator: MatchOperator = MatchOperator.EQUAL


@part(omit_empty=("mask", "xor", "value"))
class NfTablesMark(Part):
    """Message NfTablesMark of the wire contract."""

    mask: int = 0
    xor: int = 0
    value: int = 0


class NfTablesConntrackStateMatch(Part):
    """Message NfTablesConntrackStateMatch of the wire contract."""

    states: list[ConntrackState] = []


@part(omit_empty=("include_subnets", "exclude_subnets", "invert"))
class NfTablesAddressMatch(Part):
    """Message NfTablesAddressMatch of the wire contract."""

    include_subnets: list[str] = []
    exclude_subnets: list[str] = []
    invert: bool = False


class PortRange(Part):
    """Message PortRange of the wire contract."""

    lo: int = 0
    hi: int = 0


@part(omit_empty=("ranges",))
class NfTablesPortMatch(Part):
    """Message NfTablesPortMatch of the wire contract."""

    ranges: list[PortRange] = []


class NfTablesICMPTypeMatch(Part):
    """Message NfTablesICMPTypeMatch of the wire contract."""

    types: bytes = b""


@part(omit_empty=("match_source_port", "match_destination_port", "match_icmp_type"))
class NfTablesLayer4Match(Part):
    """Message NfTablesLayer4Match of the wire contract."""

    protocol: Protocol = Protocol(0)
    match_source_port: NfTablesPortMatch | None = None
    match_destination_port: NfTablesPortMatch | None = None
    match_icmp_type: NfTablesICMPTypeMatch | None = msgspec.field(default=None, name="matchICMPType")


class NfTablesLimitMatch(Part):
    """Message NfTablesLimitMatch of the wire contract."""

    packet_rate_per_second: int = 0


class NfTablesClampMSS(Part):
    """Message NfTablesClampMSS of the wire contract."""

    mtu: int = 0


@part(
    omit_empty=(
        "match_iif_name",
        "match_oif_name",
        "match_mark",
        "match_conntrack_state",
        "match_source_address",
        "match_destination_address",
        "match_layer4",
        "match_limit",
        "clamp_mss",
        "set_mark",
        "anonymous_counter",
        "verdict",
    ),
    proto_names={"anonymous_counter": "anon_counter"},
)
class NfTablesRule(Part):
    """Message NfTablesRule of the wire contract."""

    match_iif_name: NfTablesIfNameMatch | None = msgspec.field(default=None, name="matchIIfName")
    match_oif_name: NfTablesIfNameMatch | None = msgspec.field(default=None, name="matchOIfName")
    match_mark: NfTablesMark | None = None
    match_conntrack_state: NfTablesConntrackStateMatch | None = None
    match_source_address: NfTablesAddressMatch | None = None
    match_destination_address: NfTablesAddressMatch | None = None
    match_layer4: NfTablesLayer4Match | None = None
    match_limit: NfTablesLimitMatch | None = None
    clamp_mss: NfTablesClampMSS | None = msgspec.field(default=None, name="clampMSS")
    set_mark: NfTablesMark | None = None
    anonymous_counter: bool = False
    verdict: NfTablesVerdict = NfTablesVerdict.DROP


@resource(
    type="NfTablesChains.net.talos.dev",
    namespace="network",
    display="NfTablesChain",
    aliases=("chain", "chains", "nftableschain", "ntc", "ntcs"),
    all_aliases=("nftableschains", "nftableschains.net", "nftableschains.net.talos"),
    columns=(("Type", "{.type}"), ("Hook", "{.hook}"), ("Priority", "{.priority}"), ("Policy", "{.policy}")),
    proto="talos.resource.definitions.network.NfTablesChainSpec",
)
class NfTablesChainSpec(Spec):
    """Spec of NfTablesChains.net.talos.dev."""

    type: str = ""
    hook: NfTablesChainHook = NfTablesChainHook.PREROUTING
    priority: NfTablesChainPriority = NfTablesChainPriority.FILTER
    policy: NfTablesVerdict = NfTablesVerdict.DROP
    rules: list[NfTablesRule] = []
