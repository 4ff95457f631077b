"""Resource types of the domain network."""

from __future__ import annotations

from talos.resources.network.address_spec import AddressSpecSpec
from talos.resources.network.address_status import AddressStatusSpec
from talos.resources.network.bgp_instance_config import (
    BGPBFDConfigSpec,
    BGPImportRouteSpec,
    BGPInstanceConfigSpec,
    BGPNeighborConfigSpec,
)
from talos.resources.network.bgp_peer_status import BGPPeerStatusSpec
from talos.resources.network.bond_master import BondMasterSpec
from talos.resources.network.bridge_master import BridgeMasterSpec
from talos.resources.network.bridge_slave import BridgeSlave
from talos.resources.network.bridge_vlan import BridgeVLANSpec
from talos.resources.network.client_identifier import ClientIdentifierSpec
from talos.resources.network.device_config_spec import DeviceConfigSpecSpec
from talos.resources.network.dhcp4_operator import DHCP4OperatorSpec
from talos.resources.network.dhcp6_operator import DHCP6OperatorSpec
from talos.resources.network.dns_resolve_cach import DNSResolveCacheSpec
from talos.resources.network.dns_upstream import DNSUpstreamSpecSpec
from talos.resources.network.ethernet_spec import EthernetChannelsSpec, EthernetRingsSpec, EthernetSpecSpec
from talos.resources.network.ethernet_status import EthernetChannelsStatus, EthernetRingsStatus, EthernetStatusSpec
from talos.resources.network.hardware_address import HardwareAddrSpec
from talos.resources.network.host_dns_config import HostDNSConfigSpec
from talos.resources.network.hostname_spec import HostnameSpecSpec
from talos.resources.network.hostname_status import HostnameStatusSpec
from talos.resources.network.http_probe import HTTPProbeSpec
from talos.resources.network.link_alias_spec import LinkAliasSpecSpec
from talos.resources.network.link_refresh import LinkRefreshSpec
from talos.resources.network.link_spec import LinkSpecSpec
from talos.resources.network.link_status import LinkStatusSpec
from talos.resources.network.name_server import NameServerSpec
from talos.resources.network.network_status import StatusSpec
from talos.resources.network.nf_tables_chain import (
    NfTablesAddressMatch,
    NfTablesChainSpec,
    NfTablesClampMSS,
    NfTablesConntrackStateMatch,
    NfTablesICMPTypeMatch,
    NfTablesIfNameMatch,
    NfTablesLayer4Match,
    NfTablesLimitMatch,
    NfTablesMark,
    NfTablesPortMatch,
    NfTablesRule,
    PortRange,
)
from talos.resources.network.node_address import NodeAddressSpec
from talos.resources.network.node_address_filter import NodeAddressFilterSpec
from talos.resources.network.node_address_sort_algorithm import NodeAddressSortAlgorithmSpec
from talos.resources.network.operator_spec import OperatorSpecSpec
from talos.resources.network.platform_config import PlatformConfigSpec
from talos.resources.network.probe_spec import ProbeSpecSpec
from talos.resources.network.probe_status import ProbeStatusSpec
from talos.resources.network.resolver_spec import ResolverSpecSpec
from talos.resources.network.resolver_status import ResolverStatusSpec
from talos.resources.network.route_next_hop import RouteNextHop
from talos.resources.network.route_spec import RouteSpecSpec
from talos.resources.network.route_status import RouteStatusSpec
from talos.resources.network.routing_rule_spec import RoutingRuleSpecSpec
from talos.resources.network.routing_rule_status import RoutingRuleStatusSpec
from talos.resources.network.static_host import StaticHostSpec
from talos.resources.network.stp import STPSpec
from talos.resources.network.tcp_probe import TCPProbeSpec
from talos.resources.network.time_server_spec import TimeServerSpecSpec
from talos.resources.network.time_server_status import TimeServerStatusSpec
from talos.resources.network.veth import VethSpec
from talos.resources.network.vip_equinix_metal import VIPEquinixMetalSpec
from talos.resources.network.vip_operator import VIPOperatorSpec
from talos.resources.network.viph_cloud import VIPHCloudSpec
from talos.resources.network.vlan import VLANSpec
from talos.resources.network.vrf_master import VRFMasterSpec
from talos.resources.network.vrf_slave import VRFSlave
from talos.resources.network.wireguard import WireguardSpec
from talos.resources.network.wireguard_peer import WireguardPeer

__all__ = [
    "AddressSpecSpec",
    "AddressStatusSpec",
    "BGPBFDConfigSpec",
    "BGPImportRouteSpec",
    "BGPInstanceConfigSpec",
    "BGPNeighborConfigSpec",
    "BGPPeerStatusSpec",
    "BondMasterSpec",
    "BridgeMasterSpec",
    "BridgeSlave",
    "BridgeVLANSpec",
    "ClientIdentifierSpec",
    "DHCP4OperatorSpec",
    "DHCP6OperatorSpec",
    "DNSResolveCacheSpec",
    "DNSUpstreamSpecSpec",
    "DeviceConfigSpecSpec",
    "EthernetChannelsSpec",
    "EthernetChannelsStatus",
    "EthernetRingsSpec",
    "EthernetRingsStatus",
    "EthernetSpecSpec",
    "EthernetStatusSpec",
    "HTTPProbeSpec",
    "HardwareAddrSpec",
    "HostDNSConfigSpec",
    "HostnameSpecSpec",
    "HostnameStatusSpec",
    "LinkAliasSpecSpec",
    "LinkRefreshSpec",
    "LinkSpecSpec",
    "LinkStatusSpec",
    "NameServerSpec",
    "NfTablesAddressMatch",
    "NfTablesChainSpec",
    "NfTablesClampMSS",
    "NfTablesConntrackStateMatch",
    "NfTablesICMPTypeMatch",
    "NfTablesIfNameMatch",
    "NfTablesLayer4Match",
    "NfTablesLimitMatch",
    "NfTablesMark",
    "NfTablesPortMatch",
    "NfTablesRule",
    "NodeAddressFilterSpec",
    "NodeAddressSortAlgorithmSpec",
    "NodeAddressSpec",
    "OperatorSpecSpec",
    "PlatformConfigSpec",
    "PortRange",
    "ProbeSpecSpec",
    "ProbeStatusSpec",
    "ResolverSpecSpec",
    "ResolverStatusSpec",
    "RouteNextHop",
    "RouteSpecSpec",
    "RouteStatusSpec",
    "RoutingRuleSpecSpec",
    "RoutingRuleStatusSpec",
    "STPSpec",
    "StaticHostSpec",
    "StatusSpec",
    "TCPProbeSpec",
    "TimeServerSpecSpec",
    "TimeServerStatusSpec",
    "VIPEquinixMetalSpec",
    "VIPHCloudSpec",
    "VIPOperatorSpec",
    "VLANSpec",
    "VRFMasterSpec",
    "VRFSlave",
    "VethSpec",
    "WireguardPeer",
    "WireguardSpec",
]
