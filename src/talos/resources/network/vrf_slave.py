"""Vrf slave, shared by several resource types."""

from __future__ import annotations

from talos.state.spec import Part, part


@part(omit_empty=("master_name",))
class VRFSlave(Part):
    """Message VRFSlave of the wire contract."""

    master_name: str = ""
