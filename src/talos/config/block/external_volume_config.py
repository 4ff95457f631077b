"""ExternalVolumeConfig: A volume that the hypervisor provides (virtiofs)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, ClassVar

from msgspec import field

from talos.config import checks
from talos.config.document import Document, Part
from talos.config.forms import Kept, Known, OneOf

if TYPE_CHECKING:
    from talos.config.config import Config


class VirtiofsMountSpec(Part, kw_only=True):
    """``mount.virtiofs``."""

    tag: Kept[str] = ""


class ExternalMountSpec(Part, kw_only=True):
    """``mount``."""

    read_only: bool | None = None
    disable_access_time: bool | None = None
    secure: bool | None = None
    virtiofs: VirtiofsMountSpec | None = None


class ExternalVolumeConfig(Document, kw_only=True):
    """A volume that the hypervisor provides (virtiofs)."""

    KIND: ClassVar[str] = "ExternalVolumeConfig"
    NAMED: ClassVar[bool] = True

    name: Kept[str] = ""
    filesystem_type: Kept[
        Annotated[str, OneOf("none", "xfs", "vfat", "ext4", "iso9660", "swapi", "virtiofs", "btrfs"), Known("virtiofs")]
    ] = ""
    mount: ExternalMountSpec = field(default_factory=ExternalMountSpec)

    def problems(self, config: Config) -> Iterator[str]:
        """Faults beyond the keys' own forms."""
        yield from checks.volume_name(self.name)
        if not self.filesystem_type:
            yield "filesystemType is required: virtiofs"
        if self.mount.virtiofs is None or not self.mount.virtiofs.tag:
            yield "mount.virtiofs.tag is required: the name that the hypervisor gives the folder"
