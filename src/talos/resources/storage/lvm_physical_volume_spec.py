"""LVMPhysicalVolumeSpec: resource type LVMPhysicalVolumeSpecs.storage.talos.dev."""

from __future__ import annotations

from talos.state.spec import Spec, resource


@resource(
    type="LVMPhysicalVolumeSpecs.storage.talos.dev",
    namespace="storage",
    display="LVMPhysicalVolumeSpec",
    aliases=("lvmphysicalvolumespec", "lvmpvs"),
    all_aliases=("lvmphysicalvolumespecs", "lvmphysicalvolumespecs.storage", "lvmphysicalvolumespecs.storage.talos"),
    columns=(("Device", "{.device}"), ("VG", "{.vgName}")),
    proto="talos.resource.definitions.storage.LVMPhysicalVolumeSpecSpec",
)
class LVMPhysicalVolumeSpecSpec(Spec):
    """Spec of LVMPhysicalVolumeSpecs.storage.talos.dev."""

    device: str = ""
    vg_name: str = ""
