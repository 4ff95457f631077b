"""ImageCacheConfig: the local cache of container images."""

from __future__ import annotations

from typing import ClassVar

from msgspec import field

from talos.config.document import Document, Part
from talos.config.forms import Kept


class LocalImageCacheConfig(Part, kw_only=True):
    """``local``."""

    enabled: bool | None = None


class ImageCacheConfig(Document, kw_only=True):
    """The local cache of container images."""

    KIND: ClassVar[str] = "ImageCacheConfig"

    local: Kept[LocalImageCacheConfig] = field(default_factory=LocalImageCacheConfig)
