"""KubeSpanEndpointsConfig: further endpoints that KubeSpan announces."""

from __future__ import annotations

from typing import ClassVar

from msgspec import field

from talos.config.document import Document
from talos.config.forms import AddressPort, Kept


class KubeSpanEndpointsConfig(Document, kw_only=True):
    """Further endpoints that KubeSpan announces."""

    KIND: ClassVar[str] = "KubeSpanEndpointsConfig"

    extra_announced_endpoints: Kept[list[AddressPort]] = field(default_factory=list)
