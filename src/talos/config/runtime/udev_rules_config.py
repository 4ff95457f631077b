"""UdevRulesConfig: rules for udev."""

from __future__ import annotations

from typing import ClassVar

from msgspec import field

from talos.config.document import Document


class UdevRulesConfig(Document, kw_only=True):
    """Rules for udev."""

    KIND: ClassVar[str] = "UdevRulesConfig"

    rules: list[str] = field(default_factory=list)
