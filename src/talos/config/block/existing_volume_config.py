"""ExistingVolumeConfig: A volume that exists already and is only mounted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from msgspec import field

from talos.config import checks
from talos.config.block.upkeep import ScrubConfig, TrimConfig
from talos.config.document import Document, Part
from talos.config.forms import Kept, VolumeExpression

if TYPE_CHECKING:
    from talos.config.config import Config


class VolumeSelector(Part, kw_only=True):
    """``discovery.volumeSelector``."""

    match: VolumeExpression = ""


class VolumeDiscoverySpec(Part, kw_only=True):
    """``discovery``."""

    volume_selector: VolumeSelector = field(default_factory=VolumeSelector)


class ExistingMountSpec(Part, kw_only=True):
    """``mount``."""

    read_only: bool | None = None
    disable_access_time: bool | None = None
    secure: bool | None = None


class ExistingVolumeConfig(Document, kw_only=True):
    """A volume that exists already and is only mounted."""

    KIND: ClassVar[str] = "ExistingVolumeConfig"
    NAMED: ClassVar[bool] = True
    CONFLICTS: ClassVar[tuple[str, ...]] = ("UserVolumeConfig",)

    name: Kept[str] = ""
    discovery: VolumeDiscoverySpec = field(default_factory=VolumeDiscoverySpec)
    mount: ExistingMountSpec = field(default_factory=ExistingMountSpec)
    trim: TrimConfig | None = None
    scrub: ScrubConfig | None = None

    def problems(self, config: Config) -> Iterator[str]:
        """Faults beyond the keys' own forms."""
        yield from checks.volume_name(self.name)
        if not self.discovery.volume_selector.match:
            yield "discovery.volumeSelector.match is required: which volume, such as volume.partition_label == 'data'"
