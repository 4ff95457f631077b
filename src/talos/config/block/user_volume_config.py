"""UserVolumeConfig: A volume for workloads."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, ClassVar

from msgspec import field

from talos.config import checks
from talos.config.block.encryption import EncryptionSpec, encryption_problems
from talos.config.block.provisioning import ProvisioningSpec, provisioning_problems
from talos.config.block.upkeep import ScrubConfig, TrimConfig
from talos.config.block.xfs import XFSSpec
from talos.config.document import Document, Part
from talos.config.forms import Kept, Known, OneOf

if TYPE_CHECKING:
    from talos.config.config import Config


class FilesystemSpec(Part, kw_only=True):
    """``filesystem``."""

    type: Annotated[
        str,
        OneOf("none", "xfs", "vfat", "ext4", "iso9660", "swapi", "virtiofs", "btrfs"),
        Known("ext4", "xfs", "btrfs"),
    ] = ""
    project_quota_support: bool | None = None
    xfs: XFSSpec | None = None


class UserMountSpec(Part, kw_only=True):
    """``mount``."""

    disable_access_time: bool | None = None
    secure: bool | None = None


class UserVolumeConfig(Document, kw_only=True):
    """A volume for workloads."""

    KIND: ClassVar[str] = "UserVolumeConfig"
    NAMED: ClassVar[bool] = True
    SECRET: ClassVar[bool] = True
    CONFLICTS: ClassVar[tuple[str, ...]] = ("ExistingVolumeConfig",)

    name: Kept[str] = ""
    volume_type: (
        Annotated[
            str,
            OneOf("partition", "disk", "tmpfs", "directory", "symlink", "overlay", "external"),
            Known("directory", "disk", "partition"),
        ]
        | None
    ) = None
    provisioning: ProvisioningSpec = field(default_factory=ProvisioningSpec)
    filesystem: FilesystemSpec = field(default_factory=FilesystemSpec)
    encryption: EncryptionSpec = field(default_factory=EncryptionSpec)
    mount: UserMountSpec = field(default_factory=UserMountSpec)
    trim: TrimConfig | None = None
    scrub: ScrubConfig | None = None

    def problems(self, config: Config) -> Iterator[str]:
        """Faults beyond the keys' own forms."""
        yield from checks.volume_name(self.name)
        if self.volume_type == "directory":
            for key, default in (
                ("provisioning", ProvisioningSpec()),
                ("filesystem", FilesystemSpec()),
                ("encryption", EncryptionSpec()),
            ):
                if getattr(self, key) != default:
                    yield f"{key}: a volume that is a directory has none, it lies in EPHEMERAL"
        else:
            yield from provisioning_problems(self.provisioning, sized=self.volume_type != "disk")
        yield from encryption_problems(self.encryption)
