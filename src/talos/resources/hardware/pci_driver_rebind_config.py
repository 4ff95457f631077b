"""PCIDriverRebindConfig: resource type PCIDriverRebindConfigs.runtime.talos.dev."""

from __future__ import annotations

import msgspec

from talos.state.spec import Spec, resource


@resource(
    type="PCIDriverRebindConfigs.runtime.talos.dev",
    namespace="hardware",
    display="PCIDriverRebindConfig",
    aliases=("pcidriverrebindconfig", "pcidrc", "pcidrcs"),
    all_aliases=("pcidriverrebindconfigs", "pcidriverrebindconfigs.runtime", "pcidriverrebindconfigs.runtime.talos"),
    columns=(("Name", "{.name}"), ("PCI ID", "{.pciID}"), ("TargetDriver", "{.targetDriver}")),
    proto="talos.resource.definitions.hardware.PCIDriverRebindConfigSpec",
)
class PCIDriverRebindConfigSpec(Spec):
    """Spec of PCIDriverRebindConfigs.runtime.talos.dev."""

    pci_id: str = msgspec.field(default="", name="pciID")
    target_driver: str = ""
