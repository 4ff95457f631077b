"""Veth, shared by several resource types."""

from __future__ import annotations

from talos.state.spec import Part, part


@part(omit_empty=("peer_name",))
class VethSpec(Part):
    """Message VethSpec of the wire contract."""

    peer_name: str = ""
