"""Bridge vlan, shared by several resource types."""

from __future__ import annotations

from talos.state.spec import Part


class BridgeVLANSpec(Part):
    """Message BridgeVLANSpec of the wire contract."""

    filtering_enabled: bool = False
