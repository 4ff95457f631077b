"""Container network, shared by several resource types."""

from __future__ import annotations

from talos.state.spec import Part, part


@part(omit_empty=("host_network",))
class ContainerNetworkSpec(Part):
    """Message ContainerNetworkSpec of the wire contract."""

    host_network: bool = False
