"""VolumeStatus: resource type VolumeStatuses.block.talos.dev."""

from __future__ import annotations

from datetime import timedelta

import msgspec

from talos.resources.block.mount import MountSpec
from talos.resources.block.symlink_provisioning import SymlinkProvisioningSpec
from talos.resources.enums import EncryptionProviderType, FilesystemType, VolumePhase, VolumeType
from talos.state.spec import Part, Spec, part, resource


@part(omit_empty=("pcrs", "pub_key_pcrs"))
class TPMEncryptionOptionsInfo(Part):
    """Message TPMEncryptionOptionsInfo of the wire contract."""

    pcrs: list[int] = []
    pub_key_pcrs: list[int] = []


@resource(
    type="VolumeStatuses.block.talos.dev",
    namespace="runtime",
    display="VolumeStatus",
    aliases=("volumestatus", "vs"),
    all_aliases=("volumestatuses", "volumestatuses.block", "volumestatuses.block.talos"),
    columns=(("Type", "{.type}"), ("Phase", "{.phase}"), ("Location", "{.location}"), ("Size", "{.prettySize}")),
    proto="talos.resource.definitions.block.VolumeStatusSpec",
    omit_empty=(
        "pre_fail_phase",
        "parent_id",
        "location",
        "mount_location",
        "partition_index",
        "parent_location",
        "uuid",
        "partition_uuid",
        "size",
        "pretty_size",
        "filesystem",
        "encryption_provider",
        "encryption_failed_syncs",
        "configured_encryption_keys",
        "encryption_locked_to_state",
        "encryption_slot",
        "tpm_encryption_options",
        "encryption_allow_discards",
        "trim_enabled",
        "trim_interval",
        "scrub_enabled",
        "scrub_interval",
        "mount_spec",
        "symlink",
        "error_message",
    ),
    proto_names={"symlink": "symlink_spec"},
)
class VolumeStatusSpec(Spec):
    """Spec of VolumeStatuses.block.talos.dev."""

    phase: VolumePhase = VolumePhase.WAITING
    pre_fail_phase: VolumePhase = VolumePhase.WAITING
    type: VolumeType = VolumeType.PARTITION
    parent_id: str = msgspec.field(default="", name="parentID")
    location: str = ""
    mount_location: str = ""
    partition_index: int = 0
    parent_location: str = ""
    uuid: str = ""
    partition_uuid: str = msgspec.field(default="", name="partitionUUID")
    size: int = 0
    pretty_size: str = ""
    filesystem: FilesystemType = FilesystemType.NONE
    encryption_provider: EncryptionProviderType = EncryptionProviderType.NONE
    encryption_failed_syncs: list[str] = []
    configured_encryption_keys: list[str] = []
    encryption_locked_to_state: bool = False
    encryption_slot: int = 0
    tpm_encryption_options: TPMEncryptionOptionsInfo | None = None
    encryption_allow_discards: bool = False
    trim_enabled: bool = False
    trim_interval: timedelta = timedelta()
    scrub_enabled: bool = False
    scrub_interval: timedelta = timedelta()
    mount_spec: MountSpec | None = None
    symlink: SymlinkProvisioningSpec | None = None
    error_message: str = ""
