"""Container resources, shared by several resource types."""

from __future__ import annotations

from talos.state.spec import Part, part


@part(omit_empty=("memory_limit", "cpu_limit"))
class ContainerResourcesSpec(Part):
    """Message ContainerResourcesSpec of the wire contract."""

    memory_limit: int = 0
    cpu_limit: int = 0
