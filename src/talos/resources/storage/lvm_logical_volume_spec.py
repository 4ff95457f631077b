"""LVMLogicalVolumeSpec: resource type LVMLogicalVolumeSpecs.storage.talos.dev."""

from __future__ import annotations

import msgspec

from talos.resources.enums import LVMLogicalVolumeType
from talos.state.spec import Spec, resource


@resource(
    type="LVMLogicalVolumeSpecs.storage.talos.dev",
    namespace="storage",
    display="LVMLogicalVolumeSpec",
    aliases=("lvmlogicalvolumespec", "lvmlvs"),
    all_aliases=("lvmlogicalvolumespecs", "lvmlogicalvolumespecs.storage", "lvmlogicalvolumespecs.storage.talos"),
    columns=(("VG", "{.vgName}"), ("Name", "{.name}"), ("Type", "{.type}")),
    proto="talos.resource.definitions.storage.LVMLogicalVolumeSpecSpec",
)
class LVMLogicalVolumeSpecSpec(Spec):
    """Spec of LVMLogicalVolumeSpecs.storage.talos.dev."""

    vg_name: str = ""
    name: str = ""
    type: LVMLogicalVolumeType = LVMLogicalVolumeType.LINEAR
    size_bytes: int = 0
    size_percent_vg: int = msgspec.field(default=0, name="sizePercentVG")
    mirrors: int = 0
    stripes: int = 0
