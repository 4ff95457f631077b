"""SysctlConfig: kernel parameters under /proc/sys."""

from __future__ import annotations

from typing import ClassVar

from msgspec import field

from talos.config.document import Document
from talos.config.forms import Kept


class SysctlConfig(Document, kw_only=True):
    """Kernel parameters under /proc/sys."""

    KIND: ClassVar[str] = "SysctlConfig"

    params: Kept[dict[str, str]] = field(default_factory=dict)
