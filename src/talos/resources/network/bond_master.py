"""Bond master, shared by several resource types."""

from __future__ import annotations

import msgspec

from talos.resources.enums import (
    ADLACPActive,
    ADSelect,
    ARPAllTargets,
    ARPValidate,
    BondMode,
    BondXmitHashPolicy,
    FailOverMAC,
    LACPRate,
    PrimaryReselect,
)
from talos.state.spec import Part, part


@part(
    omit_empty=(
        "primary_index",
        "ad_select",
        "miimon",
        "updelay",
        "downdelay",
        "arp_interval",
        "resend_igmp",
        "min_links",
        "lp_interval",
        "packets_per_slave",
        "num_peer_notif",
        "tlb_logical_lb",
        "all_slaves_active",
        "use_carrier",
        "ad_actor_sys_prio",
        "ad_user_port_key",
        "peer_notify_delay",
        "arp_ip_targets",
        "nsip6_targets",
        "ad_lacp_active",
        "missed_max",
        "primary",
    ),
    proto_names={"xmit_hash_policy": "hash_policy", "tlb_logical_lb": "tlb_dynamic_lb"},
)
class BondMasterSpec(Part):
    """Message BondMasterSpec of the wire contract."""

    mode: BondMode = BondMode.ROUNDROBIN
    xmit_hash_policy: BondXmitHashPolicy = BondXmitHashPolicy.LAYER2
    lacp_rate: LACPRate = LACPRate.SLOW
    arp_validate: ARPValidate = ARPValidate.NONE
    arp_all_targets: ARPAllTargets = ARPAllTargets.ANY
    primary_index: int = 0
    primary_reselect: PrimaryReselect = PrimaryReselect.ALWAYS
    fail_over_mac: FailOverMAC = FailOverMAC.NONE
    ad_select: ADSelect = ADSelect.STABLE
    miimon: int = 0
    updelay: int = 0
    downdelay: int = 0
    arp_interval: int = 0
    resend_igmp: int = 0
    min_links: int = 0
    lp_interval: int = 0
    packets_per_slave: int = 0
    num_peer_notif: int = 0
    tlb_logical_lb: int = 0
    all_slaves_active: int = 0
    use_carrier: bool = False
    ad_actor_sys_prio: int = 0
    ad_user_port_key: int = 0
    peer_notify_delay: int = 0
    arp_ip_targets: list[str] = []
    nsip6_targets: list[str] = msgspec.field(default_factory=list, name="nsIp6Targets")
    ad_lacp_active: ADLACPActive = ADLACPActive.OFF
    missed_max: int = 0
    primary: str = ""
