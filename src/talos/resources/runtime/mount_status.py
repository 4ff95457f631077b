"""MountStatus: resource type MountStatuses.runtime.talos.dev."""

from __future__ import annotations

from talos.state.spec import Spec, resource


@resource(
    type="MountStatuses.runtime.talos.dev",
    namespace="runtime",
    display="MountStatus",
    aliases=("mounts",),
    columns=(("Source", "{.source}"), ("Target", "{.target}"), ("Filesystem Type", "{.filesystemType}")),
    proto="talos.resource.definitions.runtime.MountStatusSpec",
    omit_empty=("encryption_providers",),
)
class MountStatusSpec(Spec):
    """Spec of MountStatuses.runtime.talos.dev."""

    source: str = ""
    target: str = ""
    filesystem_type: str = ""
    options: list[str] = []
    encrypted: bool = False
    encryption_providers: list[str] = []
