"""LVMVolumeGroupStatus: resource type LVMVolumeGroupStatuses.storage.talos.dev."""

from __future__ import annotations

import msgspec

from talos.state.spec import Spec, resource


@resource(
    type="LVMVolumeGroupStatuses.storage.talos.dev",
    namespace="storage",
    display="LVMVolumeGroupStatus",
    aliases=("vgs", "lvmvolumegroupstatus", "lvmvgs"),
    all_aliases=("lvmvolumegroupstatuses", "lvmvolumegroupstatuses.storage", "lvmvolumegroupstatuses.storage.talos"),
    columns=(
        ("Name", "{.name}"),
        ("Permissions", "{.permissions}"),
        ("Size", "{.prettySize}"),
        ("Free", "{.prettyFree}"),
        ("PVs", "{.pvCount}"),
        ("LVs", "{.lvCount}"),
    ),
    proto="talos.resource.definitions.storage.LVMVolumeGroupStatusSpec",
    omit_empty=("pretty_size", "pretty_free"),
)
class LVMVolumeGroupStatusSpec(Spec):
    """Spec of LVMVolumeGroupStatuses.storage.talos.dev."""

    name: str = ""
    uuid: str = ""
    format: str = ""
    permissions: str = ""
    extendable: str = ""
    exported: str = ""
    partial: str = ""
    allocation_policy: str = ""
    clustered: str = ""
    shared: str = ""
    size: str = ""
    free: str = ""
    extent_size: str = ""
    extent_count: str = ""
    free_extent_count: str = ""
    max_lv: str = msgspec.field(default="", name="maxLV")
    max_pv: str = msgspec.field(default="", name="maxPV")
    lv_count: str = ""
    pv_count: str = ""
    snap_count: str = ""
    missing_pv_count: str = msgspec.field(default="", name="missingPVCount")
    seq_no: str = ""
    lock_type: str = ""
    system_id: str = msgspec.field(default="", name="systemID")
    tags: list[str] = []
    pretty_size: str = ""
    pretty_free: str = ""
