"""Vrf master, shared by several resource types."""

from __future__ import annotations

from talos.resources.enums import RoutingTable
from talos.state.spec import Part


class VRFMasterSpec(Part):
    """Message VRFMasterSpec of the wire contract."""

    table: RoutingTable = RoutingTable.TABLE_UNSPEC
