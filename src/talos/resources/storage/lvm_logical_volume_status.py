"""LVMLogicalVolumeStatus: resource type LVMLogicalVolumeStatuses.storage.talos.dev."""

from __future__ import annotations

import msgspec

from talos.state.spec import Spec, resource


@resource(
    type="LVMLogicalVolumeStatuses.storage.talos.dev",
    namespace="storage",
    display="LVMLogicalVolumeStatus",
    aliases=("lvs", "lvmlogicalvolumestatus", "lvmlvs"),
    all_aliases=(
        "lvmlogicalvolumestatuses",
        "lvmlogicalvolumestatuses.storage",
        "lvmlogicalvolumestatuses.storage.talos",
    ),
    columns=(
        ("Path", "{.path}"),
        ("VG", "{.vgName}"),
        ("Layout", "{.layout}"),
        ("Size", "{.prettySize}"),
        ("Active", "{.active}"),
    ),
    proto="talos.resource.definitions.storage.LVMLogicalVolumeStatusSpec",
    omit_empty=("pretty_size",),
)
class LVMLogicalVolumeStatusSpec(Spec):
    """Spec of LVMLogicalVolumeStatuses.storage.talos.dev."""

    path: str = ""
    dm_path: str = ""
    name: str = ""
    full_name: str = ""
    vg_name: str = ""
    uuid: str = ""
    layout: str = ""
    role: str = ""
    permissions: str = ""
    allocation_policy: str = ""
    allocation_locked: str = ""
    fixed_minor: str = ""
    active: str = ""
    active_locally: str = ""
    active_remotely: str = ""
    active_exclusively: str = ""
    suspended: str = ""
    device_open: str = ""
    skip_activation: str = ""
    merging: str = ""
    converting: str = ""
    size: str = ""
    metadata_size: str = ""
    read_ahead: str = ""
    kernel_major: str = ""
    kernel_minor: str = ""
    origin: str = ""
    origin_size: str = ""
    pool_lv: str = msgspec.field(default="", name="poolLV")
    data_lv: str = msgspec.field(default="", name="dataLV")
    metadata_lv: str = msgspec.field(default="", name="metadataLV")
    move_pv: str = msgspec.field(default="", name="movePV")
    convert_lv: str = msgspec.field(default="", name="convertLV")
    when_full: str = ""
    tags: list[str] = []
    pretty_size: str = ""
