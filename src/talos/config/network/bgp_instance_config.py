"""BGPInstanceConfig: A BGP speaker: its peers, what it announces and what it imports."""

from __future__ import annotations

from typing import Annotated, ClassVar

from msgspec import field

from talos.config.document import Document, Part
from talos.config.duration import Duration
from talos.config.forms import Address, Kept, MinItems, Needed, Prefix, Replaced, UInt8, UInt32


class BGPImportRoute(Part, kw_only=True):
    """``importRoutes``."""

    bgp_instance: Needed[Kept[str]] = ""
    prefixes: Needed[Kept[Annotated[list[Prefix], MinItems(1)]]] = field(default_factory=list)


class BGPBFDConfig(Part, kw_only=True):
    """``neighbors.bfd``."""

    transmit_interval: Duration = Duration(0)
    receive_interval: Duration = Duration(0)
    detect_multiplier: UInt8 = 0


class BGPNeighborConfig(Part, kw_only=True):
    """``neighbors``."""

    address: Address = ""
    link: str = ""
    peer_asn: UInt32 = field(default=0, name="peerASN")
    local_asn: UInt32 = field(default=0, name="localASN")
    passive: bool = False
    hold_time: Duration = Duration(0)
    bfd: BGPBFDConfig | None = None


class BGPInstanceConfig(Document, kw_only=True):
    """A BGP speaker: its peers, what it announces and what it imports."""

    KIND: ClassVar[str] = "BGPInstanceConfig"
    NAMED: ClassVar[bool] = True

    name: Needed[Kept[str]] = ""
    vrf: str = ""
    local_asn: Needed[Kept[UInt32]] = field(default=0, name="localASN")
    router_id: Address = field(default="", name="routerID")
    route_source: Address = ""
    advertise: Replaced[list[str]] = field(default_factory=list)
    multipath: bool | None = None
    max_paths: UInt8 = 0
    install_routes: bool | None = None
    import_routes: Replaced[list[BGPImportRoute]] = field(default_factory=list)
    neighbors: Replaced[list[BGPNeighborConfig]] = field(default_factory=list)
