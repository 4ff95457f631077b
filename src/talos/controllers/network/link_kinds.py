"""What the kernel is told about a link of each kind (IFLA_INFO_DATA; linux/if_link.h, uapi of the drivers)."""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Callable

from talos.linux import netlink as nl
from talos.resources.enums import ADLACPActive, BondMode
from talos.resources.network import BondMasterSpec, LinkSpecSpec

# IFLA_BOND_…: number, width in bytes, attribute of the spec. The driver refuses an option that does not go with the
# mode even at its default, so what is at its default is not sent; the mode comes first for the same reason.
_BOND = (
    (3, 4, "miimon"), (4, 4, "updelay"), (5, 4, "downdelay"), (7, 4, "arp_interval"), (9, 4, "arp_validate"),
    (10, 4, "arp_all_targets"), (12, 1, "primary_reselect"), (13, 1, "fail_over_mac"), (14, 1, "xmit_hash_policy"),
    (15, 4, "resend_igmp"), (16, 1, "num_peer_notif"), (17, 1, "all_slaves_active"), (18, 4, "min_links"),
    (19, 4, "lp_interval"), (20, 4, "packets_per_slave"), (21, 1, "lacp_rate"), (22, 1, "ad_select"),
    (24, 2, "ad_actor_sys_prio"), (25, 2, "ad_user_port_key"), (27, 1, "tlb_logical_lb"),
    (28, 4, "peer_notify_delay"), (30, 1, "missed_max"),
)  # fmt: skip
_WIDTH = {1: "=B", 2: "=H", 4: "=I"}
_MODE, _USE_CARRIER, _ARP_TARGETS, _PRIMARY, _LACP_ACTIVE, _NS_TARGETS = 1, 6, 8, 11, 29, 31
_VLAN_PROTOCOL_8021Q = 0x8100
_DEFAULT_MIIMON_MS = 100

Index = Callable[[str], int]
"""index of a link by name, 0 if there is none"""


def _bond(spec: BondMasterSpec, index: Index) -> bytes:
    data = nl.attribute(_MODE, bytes([int(spec.mode)]))
    # Without any monitoring a bond never notices a dead link: the driver's own default for 802.3ad, here for all modes.
    miimon = spec.miimon or (0 if spec.arp_interval else _DEFAULT_MIIMON_MS)
    for number, width, name in _BOND:
        value = miimon if name == "miimon" else int(getattr(spec, name))
        if value:
            data += nl.attribute(number, struct.pack(_WIDTH[width], value))
    for number, targets in ((_ARP_TARGETS, spec.arp_ip_targets), (_NS_TARGETS, spec.nsip6_targets)):
        if targets:
            listed = (nl.attribute(i, ipaddress.ip_address(one).packed) for i, one in enumerate(targets))
            data += nl.attribute(number | nl.NLA_F_NESTED, b"".join(listed))
    if spec.use_carrier:
        data += nl.attribute(_USE_CARRIER, b"\1")
    if spec.mode is BondMode.MODE_8023_AD and spec.ad_lacp_active is ADLACPActive.ON:
        data += nl.attribute(_LACP_ACTIVE, b"\1")
    if spec.primary and (primary := index(spec.primary)):
        data += nl.attribute(_PRIMARY, primary)
    return data


def _vlan(spec: LinkSpecSpec) -> bytes:
    assert spec.vlan is not None
    protocol = spec.vlan.vlan_protocol or _VLAN_PROTOCOL_8021Q
    return nl.attribute(nl.IFLA_VLAN_ID, struct.pack("=H", spec.vlan.vlan_id)) + nl.attribute(
        nl.IFLA_VLAN_PROTOCOL, struct.pack("!H", protocol)
    )


def _bridge(spec: LinkSpecSpec) -> bytes:
    assert spec.bridge_master is not None
    stp, vlan = spec.bridge_master.stp, spec.bridge_master.vlan
    data = nl.attribute(nl.IFLA_BR_STP_STATE, int(stp is not None and stp.enabled))
    if vlan is not None and vlan.filtering_enabled:  # a kernel without filtering refuses the option even when it is off
        data += nl.attribute(nl.IFLA_BR_VLAN_FILTERING, b"\1")
    return data


def info_data(spec: LinkSpecSpec, index: Index) -> bytes:
    """IFLA_INFO_DATA of a link to create."""
    if spec.vlan is not None:
        return _vlan(spec)
    if spec.bridge_master is not None:
        return _bridge(spec)
    if spec.bond_master is not None:
        return _bond(spec.bond_master, index)
    if spec.veth is not None and spec.veth.peer_name:
        return nl.attribute(1, nl.encode_link(attrs=nl.attribute(nl.IFLA_IFNAME, spec.veth.peer_name)))
    if spec.vrf_master is not None:
        return nl.attribute(1, int(spec.vrf_master.table))
    return b""
