"""VolumeMountStatus: resource type VolumeMountStatuses.block.talos.dev."""

from __future__ import annotations

import msgspec

from talos.state.spec import Spec, resource


@resource(
    type="VolumeMountStatuses.block.talos.dev",
    namespace="runtime",
    display="VolumeMountStatus",
    aliases=("volumemountstatus", "vms"),
    all_aliases=("volumemountstatuses", "volumemountstatuses.block", "volumemountstatuses.block.talos"),
    columns=(("Volume ID", "{.volumeID}"), ("Requester", "{.requester}"), ("Target", "{.target}")),
    proto="talos.resource.definitions.block.VolumeMountStatusSpec",
)
class VolumeMountStatusSpec(Spec):
    """Spec of VolumeMountStatuses.block.talos.dev."""

    volume_id: str = msgspec.field(default="", name="volumeID")
    requester: str = ""
    target: str = ""
    read_only: bool = False
    detached: bool = False
    disable_access_time: bool = False
    secure: bool = False
    no_exec: bool = False
