"""BGPInstanceConfig: resource type BGPInstanceConfigs.net.talos.dev."""

from __future__ import annotations

from datetime import timedelta

import msgspec

from talos.resources.enums import RoutingTable
from talos.state.spec import Part, Spec, part, resource


@part(omit_empty=("transmit_interval", "receive_interval", "detect_multiplier"))
class BGPBFDConfigSpec(Part):
    """Message BGPBFDConfigSpec of the wire contract."""

    transmit_interval: timedelta = timedelta()
    receive_interval: timedelta = timedelta()
    detect_multiplier: int = 0


@part(omit_empty=("address", "link", "peer_asn", "hold_time", "bfd", "local_asn", "passive"))
class BGPNeighborConfigSpec(Part):
    """Message BGPNeighborConfigSpec of the wire contract."""

    address: str = ""
    link: str = ""
    peer_asn: int = msgspec.field(default=0, name="peerASN")
    hold_time: timedelta = timedelta()
    bfd: BGPBFDConfigSpec | None = None
    local_asn: int = msgspec.field(default=0, name="localASN")
    passive: bool = False


class BGPImportRouteSpec(Part):
    """Message BGPImportRouteSpec of the wire contract."""

    bgp_instance: str = ""
    prefixes: list[str] = []


@resource(
    type="BGPInstanceConfigs.net.talos.dev",
    namespace="network",
    display="BGPInstanceConfig",
    aliases=("bgpinstanceconfig", "bgpic", "bgpics"),
    all_aliases=("bgpinstanceconfigs", "bgpinstanceconfigs.net", "bgpinstanceconfigs.net.talos"),
    columns=(
        ("Local ASN", "{.localASN}"),
        ("Router ID", "{.routerID}"),
        ("VRF", "{.vrf}"),
        ("Neighbors", "{.neighbors}"),
    ),
    proto="talos.resource.definitions.network.BGPInstanceConfigSpec",
    omit_empty=(
        "router_id",
        "route_source",
        "advertise_links",
        "multipath",
        "max_paths",
        "neighbors",
        "vrf",
        "vrf_table",
        "import_routes",
    ),
)
class BGPInstanceConfigSpec(Spec):
    """Spec of BGPInstanceConfigs.net.talos.dev."""

    local_asn: int = msgspec.field(default=0, name="localASN")
    router_id: str = msgspec.field(default="", name="routerID")
    route_source: str = ""
    advertise_links: list[str] = []
    multipath: bool = False
    max_paths: int = 0
    neighbors: list[BGPNeighborConfigSpec] = []
    vrf: str = ""
    vrf_table: RoutingTable = RoutingTable.TABLE_UNSPEC
    import_routes: list[BGPImportRouteSpec] = []
    install_routes: bool = False
