"""BondConfig: several links used as one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, ClassVar

from msgspec import field

from talos.config import checks
from talos.config.document import Document
from talos.config.forms import Address, HardwareAddress, Kept, Needed, OneOf, UInt8, UInt16, UInt32
from talos.config.network.addressing import AddressConfig, RouteConfig

if TYPE_CHECKING:
    from talos.config.config import Config


class BondConfig(Document, kw_only=True):
    """Several links used as one."""

    KIND: ClassVar[str] = "BondConfig"
    NAMED: ClassVar[bool] = True
    CONFLICTS: ClassVar[tuple[str, ...]] = (
        "BridgeConfig",
        "DummyLinkConfig",
        "LinkConfig",
        "VethConfig",
        "VLANConfig",
        "VRFConfig",
        "WireguardConfig",
    )

    name: Needed[Kept[str]] = ""
    hardware_addr: HardwareAddress = ""
    links: Needed[list[str]] = field(default_factory=list)
    bond_mode: Needed[
        Annotated[
            str,
            OneOf("balance-rr", "active-backup", "balance-xor", "broadcast", "802.3ad", "balance-tlb", "balance-alb"),
        ]
        | None
    ] = None
    miimon: UInt32 | None = None
    updelay: UInt32 | None = None
    downdelay: UInt32 | None = None
    use_carrier: bool | None = None
    xmit_hash_policy: Annotated[str, OneOf("layer2", "layer3+4", "layer2+3", "encap2+3", "encap3+4")] | None = None
    arp_interval: UInt32 | None = None
    arp_ip_targets: list[Address] = field(default_factory=list)
    ns_ip6_targets: list[Address] = field(default_factory=list)
    arp_validate: (
        Annotated[str, OneOf("none", "active", "backup", "all", "filter", "filter-active", "filter-backup")] | None
    ) = None
    arp_all_targets: Annotated[str, OneOf("any", "all")] | None = None
    lacp_rate: Annotated[str, OneOf("slow", "fast")] | None = None
    fail_over_mac: Annotated[str, OneOf("none", "active", "follow")] | None = None
    ad_select: Annotated[str, OneOf("stable", "bandwidth", "count")] | None = None
    ad_actor_sys_prio: UInt16 | None = None
    ad_user_port_key: UInt16 | None = None
    ad_lacp_active: Annotated[str, OneOf("off", "on")] | None = field(default=None, name="adLACPActive")
    primary: str | None = None
    primary_reselect: Annotated[str, OneOf("always", "better", "failure")] | None = None
    resend_igmp: UInt32 | None = field(default=None, name="resendIGMP")
    min_links: UInt32 | None = None
    lp_interval: UInt32 | None = None
    packets_per_slave: UInt32 | None = None
    num_peer_notif: UInt8 | None = None
    tlb_logical_lb: UInt8 | None = None
    all_slaves_active: UInt8 | None = None
    peer_notif_delay: UInt32 | None = None
    missed_max: UInt8 | None = None
    up: bool | None = None
    mtu: UInt32 = 0
    addresses: list[AddressConfig] = field(default_factory=list)
    routes: list[RouteConfig] = field(default_factory=list)
    multicast: bool | None = None

    def problems(self, config: Config) -> Iterator[str]:
        """Faults beyond the keys' own forms."""
        yield from checks.new_link("name", self.name)
        yield from checks.link(self.addresses, self.routes, self.mtu)
