"""LVMLogicalVolumeConfig: A logical volume."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, ClassVar

from msgspec import field

from talos.config.block.provisioning import size_problems
from talos.config.document import Document, Part
from talos.config.forms import ByteSize, Kept, Needed, OneOf, Size, UInt32

if TYPE_CHECKING:
    from talos.config.config import Config


class LVMLogicalVolumeProvisioningSpec(Part, kw_only=True):
    """``provisioning``."""

    volume_group: Kept[str] = ""
    min_size: ByteSize = ""
    max_size: Size = ""


class LVMLogicalVolumeConfig(Document, kw_only=True):
    """A logical volume."""

    KIND: ClassVar[str] = "LVMLogicalVolumeConfig"
    NAMED: ClassVar[bool] = True

    name: Needed[Kept[str]] = ""
    type: Kept[Annotated[str, OneOf("linear", "raid1", "raid0", "raid10")]] = ""
    mirrors: UInt32 | None = None
    stripes: UInt32 | None = None
    provisioning: Kept[LVMLogicalVolumeProvisioningSpec] = field(default_factory=LVMLogicalVolumeProvisioningSpec)

    def problems(self, config: Config) -> Iterator[str]:
        """Faults beyond the keys' own forms."""
        if not self.provisioning.volume_group:
            yield "provisioning.volumeGroup is required"
        yield from size_problems(self.provisioning.min_size, self.provisioning.max_size)
