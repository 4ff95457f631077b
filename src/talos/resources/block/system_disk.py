"""SystemDisk: resource type SystemDisks.block.talos.dev."""

from __future__ import annotations

import msgspec

from talos.state.spec import Spec, resource


@resource(
    type="SystemDisks.block.talos.dev",
    namespace="runtime",
    display="SystemDisk",
    aliases=("systemdisk", "sd", "sds"),
    all_aliases=("systemdisks", "systemdisks.block", "systemdisks.block.talos"),
    columns=(("Disk", "{.diskID}"),),
    proto="talos.resource.definitions.block.SystemDiskSpec",
)
class SystemDiskSpec(Spec):
    """Spec of SystemDisks.block.talos.dev."""

    disk_id: str = msgspec.field(default="", name="diskID")
    dev_path: str = ""
