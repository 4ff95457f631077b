"""SwapVolumeConfig: A swap partition."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from msgspec import field

from talos.config import checks
from talos.config.block.encryption import EncryptionSpec, encryption_problems
from talos.config.block.provisioning import ProvisioningSpec, provisioning_problems
from talos.config.document import Document
from talos.config.forms import Kept

if TYPE_CHECKING:
    from talos.config.config import Config


class SwapVolumeConfig(Document, kw_only=True):
    """A swap partition."""

    KIND: ClassVar[str] = "SwapVolumeConfig"
    NAMED: ClassVar[bool] = True
    SECRET: ClassVar[bool] = True

    name: Kept[str] = ""
    provisioning: ProvisioningSpec = field(default_factory=ProvisioningSpec)
    encryption: EncryptionSpec = field(default_factory=EncryptionSpec)

    def problems(self, config: Config) -> Iterator[str]:
        """Faults beyond the keys' own forms."""
        yield from checks.volume_name(self.name)
        yield from provisioning_problems(self.provisioning)
        yield from encryption_problems(self.encryption)
