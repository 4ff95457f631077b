"""KubeCoreDNSConfig: settings of the CoreDNS deployment."""

from __future__ import annotations

from typing import ClassVar

from talos.config.document import Document


class KubeCoreDNSConfig(Document, kw_only=True):
    """Settings of the CoreDNS deployment."""

    KIND: ClassVar[str] = "KubeCoreDNSConfig"

    enabled: bool | None = None
    image: str = ""
