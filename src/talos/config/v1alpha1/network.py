"""``machine.network`` of the v1alpha1 document."""

from __future__ import annotations

from typing import Annotated

from msgspec import field

from talos.config.document import Part
from talos.config.duration import Duration
from talos.config.forms import Kept, Known, MergeBy, Secret, UInt8, UInt16, UInt32


class NetworkDeviceSelector(Part, kw_only=True):
    """``machine.network.interfaces.deviceSelector``."""

    bus_path: str = ""
    hardware_addr: str = ""
    permanent_addr: str = ""
    pci_id: str = field(default="", name="pciID")
    driver: str = ""
    physical: bool | None = None


class Route(Part, kw_only=True):
    """``machine.network.interfaces.routes``."""

    network: Kept[str] = ""
    gateway: Kept[str] = ""
    source: str = ""
    metric: UInt32 = 0
    mtu: UInt32 = 0


class Bond(Part, kw_only=True):
    """``machine.network.interfaces.bond``."""

    interfaces: Kept[list[str]] = field(default_factory=list)
    device_selectors: list[NetworkDeviceSelector] = field(default_factory=list)
    arp_ip_target: list[str] = field(default_factory=list, name="arpIPTarget")
    mode: Kept[
        Annotated[
            str,
            Known("balance-rr", "active-backup", "balance-xor", "broadcast", "802.3ad", "balance-tlb", "balance-alb"),
        ]
    ] = ""
    xmit_hash_policy: Annotated[str, Known("layer2", "layer3+4", "layer2+3", "encap2+3", "encap3+4")] = ""
    lacp_rate: Annotated[str, Known("slow", "fast")] = ""
    ad_actor_system: str = ""
    arp_validate: Annotated[
        str, Known("none", "active", "backup", "all", "filter", "filter-active", "filter-backup")
    ] = ""
    arp_all_targets: Annotated[str, Known("any", "all")] = ""
    primary: str = ""
    primary_reselect: Annotated[str, Known("always", "better", "failure")] = ""
    fail_over_mac: Annotated[str, Known("none", "active", "follow")] = ""
    ad_select: Annotated[str, Known("stable", "bandwidth", "count")] = ""
    miimon: UInt32 = 0
    updelay: UInt32 = 0
    downdelay: UInt32 = 0
    arp_interval: UInt32 = 0
    resend_igmp: UInt32 = 0
    min_links: UInt32 = 0
    lp_interval: UInt32 = 0
    packets_per_slave: UInt32 = 0
    num_peer_notif: UInt8 = 0
    tlb_dynamic_lb: UInt8 = 0
    all_slaves_active: UInt8 = 0
    use_carrier: bool | None = None
    ad_actor_sys_prio: UInt16 = 0
    ad_user_port_key: UInt16 = 0
    peer_notify_delay: UInt32 = 0


class STP(Part, kw_only=True):
    """``machine.network.interfaces.bridge.stp``."""

    enabled: bool | None = None


class BridgeVLAN(Part, kw_only=True):
    """``machine.network.interfaces.bridge.vlan``."""

    vlan_filtering: bool | None = None


class Bridge(Part, kw_only=True):
    """``machine.network.interfaces.bridge``."""

    interfaces: Kept[list[str]] = field(default_factory=list)
    stp: STP | None = None
    vlan: BridgeVLAN | None = None


class BridgePort(Part, kw_only=True):
    """``machine.network.interfaces.bridgePort``."""

    master: str = ""


class VIPEquinixMetalConfig(Part, kw_only=True):
    """``machine.network.interfaces.vlans.vip.equinixMetal``."""

    api_token: Secret[Kept[str]] = ""


class VIPHCloudConfig(Part, kw_only=True):
    """``machine.network.interfaces.vlans.vip.hcloud``."""

    api_token: Secret[Kept[str]] = ""


class DeviceVIPConfig(Part, kw_only=True):
    """``machine.network.interfaces.vlans.vip``."""

    ip: str = ""
    equinix_metal: VIPEquinixMetalConfig | None = None
    hcloud: VIPHCloudConfig | None = None


class DHCPOptions(Part, kw_only=True):
    """``machine.network.interfaces.vlans.dhcpOptions``."""

    route_metric: Kept[UInt32] = 0
    ipv4: bool | None = None
    ipv6: bool | None = None
    duidv6: str = ""


class Vlan(Part, kw_only=True):
    """``machine.network.interfaces.vlans``."""

    addresses: list[str] = field(default_factory=list)
    cidr: str = ""
    routes: Kept[list[Route]] = field(default_factory=list)
    dhcp: bool | None = None
    vlan_id: Kept[UInt16] = 0
    mtu: UInt32 = 0
    vip: DeviceVIPConfig | None = None
    dhcp_options: DHCPOptions | None = None


class DeviceWireguardPeer(Part, kw_only=True):
    """``machine.network.interfaces.wireguard.peers``."""

    public_key: str = ""
    endpoint: str = ""
    persistent_keepalive_interval: Duration = Duration(0)
    allowed_ips: list[str] = field(default_factory=list, name="allowedIPs")


class DeviceWireguardConfig(Part, kw_only=True):
    """``machine.network.interfaces.wireguard``."""

    private_key: Secret[str] = ""
    listen_port: int = 0
    firewall_mark: int = 0
    peers: list[DeviceWireguardPeer] = field(default_factory=list)


class Device(Part, kw_only=True):
    """``machine.network.interfaces``."""

    interface: str = ""
    device_selector: NetworkDeviceSelector | None = None
    addresses: list[str] = field(default_factory=list)
    cidr: str = ""
    routes: list[Route] = field(default_factory=list)
    bond: Bond | None = None
    bridge: Bridge | None = None
    bridge_port: BridgePort | None = None
    vlans: Annotated[list[Vlan], MergeBy("vlan_id")] = field(default_factory=list)
    mtu: int = 0
    dhcp: bool | None = None
    ignore: bool | None = None
    dummy: bool | None = None
    dhcp_options: DHCPOptions | None = None
    wireguard: DeviceWireguardConfig | None = None
    vip: DeviceVIPConfig | None = None


class ExtraHost(Part, kw_only=True):
    """``machine.network.extraHostEntries``."""

    ip: Kept[str] = ""
    aliases: Kept[list[str]] = field(default_factory=list)


class KubeSpanFilters(Part, kw_only=True):
    """``machine.network.kubespan.filters``."""

    endpoints: list[str] = field(default_factory=list)
    exclude_advertised_networks: list[str] = field(default_factory=list)


class NetworkKubeSpan(Part, kw_only=True):
    """``machine.network.kubespan``."""

    enabled: bool | None = None
    advertise_kubernetes_networks: bool | None = None
    allow_down_peer_bypass: bool | None = None
    harvest_extra_endpoints: bool | None = None
    mtu: UInt32 | None = None
    filters: KubeSpanFilters | None = None


class NetworkConfig(Part, kw_only=True):
    """``machine.network``."""

    hostname: str = ""
    interfaces: Annotated[list[Device], MergeBy("interface", "device_selector")] = field(default_factory=list)
    nameservers: list[str] = field(default_factory=list)
    search_domains: list[str] = field(default_factory=list)
    extra_host_entries: list[ExtraHost] = field(default_factory=list)
    kubespan: NetworkKubeSpan | None = None
    disable_search_domain: bool | None = None
