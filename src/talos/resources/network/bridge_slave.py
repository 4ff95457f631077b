"""Bridge slave, shared by several resource types."""

from __future__ import annotations

from talos.state.spec import Part, part


@part(omit_empty=("master_name",))
class BridgeSlave(Part):
    """Message BridgeSlave of the wire contract."""

    master_name: str = ""
