"""Container security, shared by several resource types."""

from __future__ import annotations

from talos.state.spec import Part, part


@part(omit_empty=("privileged", "capabilities_add", "capabilities_drop"))
class ContainerSecuritySpec(Part):
    """Message ContainerSecuritySpec of the wire contract."""

    privileged: bool = False
    capabilities_add: list[str] = []
    capabilities_drop: list[str] = []
