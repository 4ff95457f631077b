"""Addresses and routes, shared by all kinds of link."""

from __future__ import annotations

from talos.config.document import Part
from talos.config.forms import Address, Kept, Needed, Prefix, RoutingTable, UInt32


class AddressConfig(Part, kw_only=True):
    """``addresses``."""

    address: Needed[Kept[Prefix]] = ""
    route_priority: UInt32 | None = None


class RouteConfig(Part, kw_only=True):
    """``routes``."""

    destination: Prefix = ""
    gateway: Address = ""
    source: Address = ""
    metric: UInt32 = 0
    mtu: UInt32 = 0
    table: RoutingTable = ""
