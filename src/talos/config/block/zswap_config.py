"""ZswapConfig: compressed swap cache in memory."""

from __future__ import annotations

from typing import ClassVar

from talos.config.document import Document


class ZswapConfig(Document, kw_only=True):
    """Compressed swap cache in memory."""

    KIND: ClassVar[str] = "ZswapConfig"

    max_pool_percent: int | None = None
    shrinker_enabled: bool | None = None
