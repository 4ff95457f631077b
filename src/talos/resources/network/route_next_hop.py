"""Route next hop, shared by several resource types."""

from __future__ import annotations

from talos.state.spec import Part, part


@part(omit_empty=("out_link_name", "weight"))
class RouteNextHop(Part):
    """Message RouteNextHop of the wire contract."""

    gateway: str = ""
    out_link_name: str = ""
    weight: int = 0
