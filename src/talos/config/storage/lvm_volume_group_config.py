"""LVMVolumeGroupConfig: A volume group and the disks it takes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from msgspec import field

from talos.config.document import Document, Part
from talos.config.forms import Kept, Needed, VolumeExpression

if TYPE_CHECKING:
    from talos.config.config import Config


class LVMVolumeSelectorSpec(Part, kw_only=True):
    """``provisioning.volumeSelector``."""

    match: VolumeExpression = ""


class ProvisioningSpec(Part, kw_only=True):
    """``provisioning``."""

    volume_selector: LVMVolumeSelectorSpec = field(default_factory=LVMVolumeSelectorSpec)


class LVMVolumeGroupConfig(Document, kw_only=True):
    """A volume group and the disks it takes."""

    KIND: ClassVar[str] = "LVMVolumeGroupConfig"
    NAMED: ClassVar[bool] = True

    name: Needed[Kept[str]] = ""
    provisioning: Kept[ProvisioningSpec] = field(default_factory=ProvisioningSpec)

    def problems(self, config: Config) -> Iterator[str]:
        """Faults beyond the keys' own forms."""
        if not self.provisioning.volume_selector.match:
            yield "provisioning.volumeSelector.match is required"
