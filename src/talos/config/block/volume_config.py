"""VolumeConfig: size, encryption and mount options of a system volume."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from msgspec import field

from talos.config.block.encryption import EncryptionSpec, encryption_problems
from talos.config.block.provisioning import ProvisioningSpec, size_problems
from talos.config.block.upkeep import ScrubConfig, TrimConfig
from talos.config.block.xfs import XFSSpec
from talos.config.document import Document, Part
from talos.config.forms import Kept

if TYPE_CHECKING:
    from talos.config.config import Config


SYSTEM_VOLUMES = ("STATE", "EPHEMERAL", "IMAGECACHE", "CRI", "ETCD", "KUBELET", "LOG")


class SystemVolumeFilesystemSpec(Part, kw_only=True):
    """``filesystem``."""

    xfs: XFSSpec | None = None


class MountSpec(Part, kw_only=True):
    """``mount``."""

    secure: bool | None = None
    disable_access_time: bool | None = None


class VolumeConfig(Document, kw_only=True):
    """Size, encryption and mount options of a system volume."""

    KIND: ClassVar[str] = "VolumeConfig"
    NAMED: ClassVar[bool] = True
    SECRET: ClassVar[bool] = True

    name: Kept[str] = ""
    provisioning: ProvisioningSpec = field(default_factory=ProvisioningSpec)
    filesystem: SystemVolumeFilesystemSpec = field(default_factory=SystemVolumeFilesystemSpec)
    encryption: EncryptionSpec = field(default_factory=EncryptionSpec)
    mount: MountSpec = field(default_factory=MountSpec)
    trim: TrimConfig | None = None
    scrub: ScrubConfig | None = None

    def problems(self, config: Config) -> Iterator[str]:
        """Faults beyond the keys' own forms."""
        if self.name not in SYSTEM_VOLUMES:
            known = ", ".join(SYSTEM_VOLUMES)
            yield f"name is {self.name!r}, must be one of {known}; a volume of your own is a UserVolumeConfig"
        if self.name == "STATE" and self.provisioning != ProvisioningSpec():
            yield "provisioning: STATE has its place and size by itself"
        elif self.provisioning.min_size or self.provisioning.max_size:
            yield from size_problems(self.provisioning.min_size, self.provisioning.max_size)
        yield from encryption_problems(self.encryption)
        if self.name == "STATE" and any(key.lock_to_state for key in self.encryption.keys):
            yield "encryption.keys: STATE cannot be opened with what lies on it (lockToState)"
