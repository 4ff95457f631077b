"""A bond as configured, in either layout of the configuration, as a spec."""

from __future__ import annotations

from talos.config.view.model import Link
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
from talos.resources.network import BondMasterSpec


def options(link: Link) -> tuple[BondMasterSpec, list[str]]:
    """The spec, and the keys without effect."""
    kinds = {
        "bondMode": ("mode", BondMode), "mode": ("mode", BondMode),
        "xmitHashPolicy": ("xmit_hash_policy", BondXmitHashPolicy), "lacpRate": ("lacp_rate", LACPRate),
        "arpValidate": ("arp_validate", ARPValidate), "arpAllTargets": ("arp_all_targets", ARPAllTargets),
        "primaryReselect": ("primary_reselect", PrimaryReselect), "failOverMac": ("fail_over_mac", FailOverMAC),
        "adSelect": ("ad_select", ADSelect), "adLACPActive": ("ad_lacp_active", ADLACPActive),
    }  # fmt: skip
    plain = {
        "miimon": "miimon", "updelay": "updelay", "downdelay": "downdelay", "arpInterval": "arp_interval",
        "resendIGMP": "resend_igmp", "resendIgmp": "resend_igmp", "minLinks": "min_links", "lpInterval": "lp_interval",
        "packetsPerSlave": "packets_per_slave", "numPeerNotif": "num_peer_notif", "tlbLogicalLb": "tlb_logical_lb",
        "tlbDynamicLb": "tlb_logical_lb", "allSlavesActive": "all_slaves_active", "useCarrier": "use_carrier",
        "adActorSysPrio": "ad_actor_sys_prio", "adUserPortKey": "ad_user_port_key",
        "peerNotifDelay": "peer_notify_delay", "peerNotifyDelay": "peer_notify_delay", "missedMax": "missed_max",
        "primary": "primary", "arpIPTargets": "arp_ip_targets", "arpIpTargets": "arp_ip_targets",
        "arpIPTarget": "arp_ip_targets", "nsIP6Targets": "nsip6_targets", "nsIp6Targets": "nsip6_targets",
    }  # fmt: skip
    spec, unknown = BondMasterSpec(ad_lacp_active=ADLACPActive.ON), []
    for key, value in link.bond.items():
        if value in (None, "", []) or key == "deviceSelectors":  # ports by selector: see selectors
            continue
        if key in kinds:
            name, kind = kinds[key]
            setattr(spec, name, kind.parse(str(value)))
        elif key in plain:
            setattr(spec, plain[key], value)
        else:
            unknown.append(key)
    return spec, unknown
