"""Control plane, shared by several resource types."""

from __future__ import annotations

from talos.state.spec import Part, part


@part(proto_names={"port": "api_server_port"})
class ControlPlane(Part):
    """Message ControlPlane of the wire contract."""

    port: int = 0
