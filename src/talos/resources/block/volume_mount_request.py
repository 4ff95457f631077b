"""VolumeMountRequest: resource type VolumeMountRequests.block.talos.dev."""

from __future__ import annotations

import msgspec

from talos.state.spec import Spec, resource


@resource(
    type="VolumeMountRequests.block.talos.dev",
    namespace="runtime",
    display="VolumeMountRequest",
    aliases=("volumemountrequest", "vmr", "vmrs"),
    all_aliases=("volumemountrequests", "volumemountrequests.block", "volumemountrequests.block.talos"),
    columns=(("Volume ID", "{.volumeID}"), ("Requester", "{.requester}")),
    proto="talos.resource.definitions.block.VolumeMountRequestSpec",
)
class VolumeMountRequestSpec(Spec):
    """Spec of VolumeMountRequests.block.talos.dev."""

    volume_id: str = msgspec.field(default="", name="volumeID")
    requester: str = ""
    read_only: bool = False
    detached: bool = False
    disable_access_time: bool = False
    secure: bool = False
    no_exec: bool = False
