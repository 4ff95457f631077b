"""RAIDArrayConfig: A software RAID array."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, ClassVar

from msgspec import field

from talos.config.document import Document, Part
from talos.config.forms import Kept, Needed, OneOf, VolumeExpression

if TYPE_CHECKING:
    from talos.config.config import Config


class RAIDVolumeSelector(Part, kw_only=True):
    """``provisioning.volumeSelector``."""

    match: VolumeExpression = ""


class RAIDProvisioningSpec(Part, kw_only=True):
    """``provisioning``."""

    volume_selector: Kept[RAIDVolumeSelector] = field(default_factory=RAIDVolumeSelector)


class RAIDArrayConfig(Document, kw_only=True):
    """A software RAID array."""

    KIND: ClassVar[str] = "RAIDArrayConfig"
    NAMED: ClassVar[bool] = True

    name: Needed[Kept[str]] = ""
    level: Needed[Kept[Annotated[str, OneOf("raid1")]]] = ""
    metadata: Annotated[str, OneOf("1.0", "1.2")] = ""
    provisioning: Kept[RAIDProvisioningSpec] = field(default_factory=RAIDProvisioningSpec)

    def problems(self, config: Config) -> Iterator[str]:
        """Faults beyond the keys' own forms."""
        if not self.provisioning.volume_selector.match:
            yield "provisioning.volumeSelector.match is required"
