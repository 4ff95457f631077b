"""Bridge master, shared by several resource types."""

from __future__ import annotations

from talos.resources.network.bridge_vlan import BridgeVLANSpec
from talos.resources.network.stp import STPSpec
from talos.state.spec import Part, part


@part(omit_empty=("stp", "vlan"))
class BridgeMasterSpec(Part):
    """Message BridgeMasterSpec of the wire contract."""

    stp: STPSpec | None = None
    vlan: BridgeVLANSpec | None = None
