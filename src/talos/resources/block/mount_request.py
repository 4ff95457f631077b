"""MountRequest: resource type MountRequests.block.talos.dev."""

from __future__ import annotations

import msgspec

from talos.state.spec import Spec, resource


@resource(
    type="MountRequests.block.talos.dev",
    namespace="runtime",
    display="MountRequest",
    aliases=("mountrequest", "mr", "mrs"),
    all_aliases=("mountrequests", "mountrequests.block", "mountrequests.block.talos"),
    columns=(("Volume", "{.volumeID}"), ("Parent", "{.parentID}"), ("Requesters", "{.requesters}")),
    proto="talos.resource.definitions.block.MountRequestSpec",
    omit_empty=("disable_access_time", "secure", "no_exec"),
    proto_names={"parent_id": "parent_mount_id"},
)
class MountRequestSpec(Spec):
    """Spec of MountRequests.block.talos.dev."""

    volume_id: str = msgspec.field(default="", name="volumeID")
    parent_id: str = msgspec.field(default="", name="parentID")
    read_only: bool = False
    detached: bool = False
    disable_access_time: bool = False
    secure: bool = False
    no_exec: bool = False
    requesters: list[str] = []
    requester_ids: list[str] = msgspec.field(default_factory=list, name="requesterIDs")
