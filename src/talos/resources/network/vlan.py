"""Vlan, shared by several resource types."""

from __future__ import annotations

import msgspec

from talos.state.spec import Part, part


@part(proto_names={"vlan_id": "vid", "vlan_protocol": "protocol"})
class VLANSpec(Part):
    """Message VLANSpec of the wire contract."""

    vlan_id: int = msgspec.field(default=0, name="vlanID")
    vlan_protocol: int = 0
