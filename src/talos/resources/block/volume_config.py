"""VolumeConfig: resource type VolumeConfigs.block.talos.dev."""

from __future__ import annotations

from datetime import timedelta

import msgspec

from talos.resources.block.mount import MountSpec
from talos.resources.block.symlink_provisioning import SymlinkProvisioningSpec
from talos.resources.enums import EncryptionKeyType, EncryptionProviderType, FilesystemType, VolumeType
from talos.state.spec import Part, Spec, part, resource


@part(omit_empty=("match", "external"), forms={"match": "cel"})
class DiskSelector(Part):
    """Message DiskSelector of the wire contract."""

    match: str = ""
    external: str = ""


@part(omit_empty=("max_size", "label", "type_uuid"))
class PartitionSpec(Part):
    """Message PartitionSpec of the wire contract."""

    min_size: int = 0
    max_size: int = 0
    relative_max_size: int = 0
    negative_max_size: bool = False
    grow: bool = False
    label: str = ""
    type_uuid: str = msgspec.field(default="", name="typeUUID")


@part(omit_empty=("label", "min_allocation_group_size"))
class FilesystemSpec(Part):
    """Message FilesystemSpec of the wire contract."""

    type: FilesystemType = FilesystemType.NONE
    label: str = ""
    min_allocation_group_size: int = 0


@part(omit_empty=("wave", "disk_selector", "partition_spec", "filesystem_spec"))
class ProvisioningSpec(Part):
    """Message ProvisioningSpec of the wire contract."""

    wave: int = 0
    disk_selector: DiskSelector | None = None
    partition_spec: PartitionSpec | None = None
    filesystem_spec: FilesystemSpec | None = None


@part(
    omit_empty=(
        "lock_to_state",
        "static_passphrase",
        "kms_endpoint",
        "tpm_check_secureboot_status_on_enroll",
        "pcrs",
        "pub_key_pcrs",
    ),
    forms={"static_passphrase": "string_bytes"},
    proto_names={"pcrs": "tpmpc_rs", "pub_key_pcrs": "tpm_pub_key_pc_rs"},
)
class EncryptionKey(Part):
    """Message EncryptionKey of the wire contract."""

    slot: int = 0
    type: EncryptionKeyType = EncryptionKeyType.STATIC
    lock_to_state: bool = False
    static_passphrase: str = ""
    kms_endpoint: str = ""
    tpm_check_secureboot_status_on_enroll: bool = False
    pcrs: list[int] = []
    pub_key_pcrs: list[int] = []


@part(omit_empty=("cipher", "key_size", "block_size", "perf_options", "allow_discards"))
class EncryptionSpec(Part):
    """Message EncryptionSpec of the wire contract."""

    provider: EncryptionProviderType = EncryptionProviderType.NONE
    keys: list[EncryptionKey] = []
    cipher: str = ""
    key_size: int = 0
    block_size: int = 0
    perf_options: list[str] = []
    allow_discards: bool = False


@part(omit_empty=("match", "disk_match"), forms={"match": "cel", "disk_match": "cel"})
class LocatorSpec(Part):
    """Message LocatorSpec of the wire contract."""

    match: str = ""
    disk_match: str = ""


@resource(
    type="VolumeConfigs.block.talos.dev",
    namespace="runtime",
    display="VolumeConfig",
    aliases=("volumeconfig", "vc", "vcs"),
    all_aliases=("volumeconfigs", "volumeconfigs.block", "volumeconfigs.block.talos"),
    proto="talos.resource.definitions.block.VolumeConfigSpec",
    sensitive=True,
    omit_empty=(
        "parent_id",
        "encryption",
        "mount",
        "symlink",
        "trim_enabled",
        "trim_interval",
        "scrub_enabled",
        "scrub_interval",
    ),
)
class VolumeConfigSpec(Spec):
    """Spec of VolumeConfigs.block.talos.dev."""

    parent_id: str = ""
    type: VolumeType = VolumeType.PARTITION
    provisioning: ProvisioningSpec = msgspec.field(default_factory=ProvisioningSpec)
    encryption: EncryptionSpec | None = None
    locator: LocatorSpec = msgspec.field(default_factory=LocatorSpec)
    mount: MountSpec | None = None
    symlink: SymlinkProvisioningSpec | None = None
    trim_enabled: bool = False
    trim_interval: timedelta = timedelta()
    scrub_enabled: bool = False
    scrub_interval: timedelta = timedelta()
