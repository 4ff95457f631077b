"""UnattendedInstallConfig: installation to disk without a person."""

from __future__ import annotations

from typing import ClassVar

from msgspec import field

from talos.config.document import Document, Part
from talos.config.forms import DiskExpression, Kept


class InstallerSpec(Part, kw_only=True):
    """``installer``."""

    image: str = ""


class DiskSelectorSpec(Part, kw_only=True):
    """``provisioning.diskSelector``."""

    match: DiskExpression = ""


class ProvisioningSpec(Part, kw_only=True):
    """``provisioning``."""

    disk_selector: DiskSelectorSpec = field(default_factory=DiskSelectorSpec)
    wipe: bool | None = None


class UnattendedInstallConfig(Document, kw_only=True):
    """Installation to disk without a person."""

    KIND: ClassVar[str] = "UnattendedInstallConfig"

    reboot: bool | None = None
    installer: Kept[InstallerSpec] = field(default_factory=InstallerSpec)
    provisioning: Kept[ProvisioningSpec] = field(default_factory=ProvisioningSpec)
