"""Enumerations of the domain cri: number on the proto wire, text in YAML."""

from __future__ import annotations

from talos.state.enums import WireEnum


class ImageCacheCopyStatus(WireEnum):
    """Enumeration CriImageCacheCopyStatus of the wire contract."""

    UNKNOWN = 0, "unknown"
    SKIPPED = 1, "skipped"
    PENDING = 2, "copying"
    READY = 3, "ready"


class ImageCacheStatus(WireEnum):
    """Enumeration CriImageCacheStatus of the wire contract."""

    UNKNOWN = 0, "unknown"
    DISABLED = 1, "disabled"
    PREPARING = 2, "preparing"
    READY = 3, "ready"
