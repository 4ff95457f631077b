"""PCIDriverRebindStatus: resource type PCIDriverRebindStatuses.runtime.talos.dev."""

from __future__ import annotations

import msgspec

from talos.state.spec import Spec, resource


@resource(
    type="PCIDriverRebindStatuses.runtime.talos.dev",
    namespace="hardware",
    display="PCIDriverRebindStatus",
    aliases=("pcidriverrebinds", "pcidriverrebindstatus", "pcidrs"),
    all_aliases=("pcidriverrebindstatuses", "pcidriverrebindstatuses.runtime", "pcidriverrebindstatuses.runtime.talos"),
    columns=(("Name", "{.name}"), ("PCI ID", "{.pciID}"), ("TargetDriver", "{.targetDriver}")),
    proto="talos.resource.definitions.hardware.PCIDriverRebindStatusSpec",
)
class PCIDriverRebindStatusSpec(Spec):
    """Spec of PCIDriverRebindStatuses.runtime.talos.dev."""

    pci_id: str = msgspec.field(default="", name="pciID")
    target_driver: str = ""
