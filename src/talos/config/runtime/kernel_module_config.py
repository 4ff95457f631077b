"""KernelModuleConfig: A kernel module to load."""

from __future__ import annotations

from typing import ClassVar

from msgspec import field

from talos.config.document import Document
from talos.config.forms import Kept, Needed


class KernelModuleConfig(Document, kw_only=True):
    """A kernel module to load."""

    KIND: ClassVar[str] = "KernelModuleConfig"
    NAMED: ClassVar[bool] = True

    name: Needed[Kept[str]] = ""
    parameters: list[str] = field(default_factory=list)
