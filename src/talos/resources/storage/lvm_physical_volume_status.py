"""LVMPhysicalVolumeStatus: resource type LVMPhysicalVolumeStatuses.storage.talos.dev."""

from __future__ import annotations

from talos.state.spec import Spec, resource


@resource(
    type="LVMPhysicalVolumeStatuses.storage.talos.dev",
    namespace="storage",
    display="LVMPhysicalVolumeStatus",
    aliases=("pvs", "lvmphysicalvolumestatus", "lvmpvs"),
    all_aliases=(
        "lvmphysicalvolumestatuses",
        "lvmphysicalvolumestatuses.storage",
        "lvmphysicalvolumestatuses.storage.talos",
    ),
    columns=(
        ("Device", "{.device}"),
        ("VG", "{.vgName}"),
        ("Size", "{.prettySize}"),
        ("Free", "{.prettyFree}"),
        ("Allocatable", "{.allocatable}"),
    ),
    proto="talos.resource.definitions.storage.LVMPhysicalVolumeStatusSpec",
    omit_empty=("pretty_size", "pretty_device_size", "pretty_free"),
)
class LVMPhysicalVolumeStatusSpec(Spec):
    """Spec of LVMPhysicalVolumeStatuses.storage.talos.dev."""

    device: str = ""
    vg_name: str = ""
    uuid: str = ""
    format: str = ""
    allocatable: str = ""
    exported: str = ""
    missing: str = ""
    in_use: str = ""
    size: str = ""
    device_size: str = ""
    free: str = ""
    used: str = ""
    pe_count: str = ""
    pe_alloc_count: str = ""
    major: str = ""
    minor: str = ""
    tags: list[str] = []
    pretty_size: str = ""
    pretty_device_size: str = ""
    pretty_free: str = ""
