"""SysfsConfig: values written under /sys."""

from __future__ import annotations

from typing import ClassVar

from msgspec import field

from talos.config.document import Document
from talos.config.forms import Kept


class SysfsConfig(Document, kw_only=True):
    """Values written under /sys."""

    KIND: ClassVar[str] = "SysfsConfig"

    params: Kept[dict[str, str]] = field(default_factory=dict)
