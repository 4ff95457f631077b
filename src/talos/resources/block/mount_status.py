"""MountStatus: resource type MountStatuses.block.talos.dev."""

from __future__ import annotations

import msgspec

from talos.resources.block.mount_request import MountRequestSpec
from talos.resources.enums import EncryptionProviderType, FilesystemType
from talos.state.spec import Spec, resource


@resource(
    type="MountStatuses.block.talos.dev",
    namespace="runtime",
    display="MountStatus",
    aliases=("mountstatus", "ms"),
    all_aliases=("mountstatuses", "mountstatuses.block", "mountstatuses.block.talos"),
    columns=(
        ("Source", "{.source}"),
        ("Target", "{.target}"),
        ("Filesystem", "{.filesystem}"),
        ("Volume", "{.spec.volumeID}"),
    ),
    proto="talos.resource.definitions.block.MountStatusSpec",
    omit_empty=("encryption_provider",),
)
class MountStatusSpec(Spec):
    """Spec of MountStatuses.block.talos.dev."""

    spec: MountRequestSpec = msgspec.field(default_factory=MountRequestSpec)
    source: str = ""
    target: str = ""
    filesystem: FilesystemType = FilesystemType.NONE
    encryption_provider: EncryptionProviderType = EncryptionProviderType.NONE
    read_only: bool = False
    project_quota_support: bool = False
    detached: bool = False
