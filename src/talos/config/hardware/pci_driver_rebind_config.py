"""PCIDriverRebindConfig: another driver for a PCI device."""

from __future__ import annotations

from typing import ClassVar

from talos.config.document import Document
from talos.config.forms import Kept, Needed


class PCIDriverRebindConfig(Document, kw_only=True):
    """Another driver for a PCI device."""

    KIND: ClassVar[str] = "PCIDriverRebindConfig"
    NAMED: ClassVar[bool] = True

    name: Needed[Kept[str]] = ""
    target_driver: Needed[Kept[str]] = ""
