"""UserDiskConfigStatus: resource type UserDiskConfigStatuses.block.talos.dev."""

from __future__ import annotations

from talos.state.spec import Spec, resource


@resource(
    type="UserDiskConfigStatuses.block.talos.dev",
    namespace="runtime",
    display="UserDiskConfigStatus",
    aliases=("userdiskconfigstatus", "udcs"),
    all_aliases=("userdiskconfigstatuses", "userdiskconfigstatuses.block", "userdiskconfigstatuses.block.talos"),
    columns=(("Ready", "{.ready}"),),
    proto="talos.resource.definitions.block.UserDiskConfigStatusSpec",
)
class UserDiskConfigStatusSpec(Spec):
    """Spec of UserDiskConfigStatuses.block.talos.dev."""

    ready: bool = False
    torn_down: bool = False
