"""KubeCredentialProviderConfig: image credential providers of the kubelet."""

from __future__ import annotations

from typing import ClassVar

from msgspec import field

from talos.config.document import Document
from talos.config.forms import Kept, Replaced, Unstructured


class KubeCredentialProviderConfig(Document, kw_only=True):
    """Image credential providers of the kubelet."""

    KIND: ClassVar[str] = "KubeCredentialProviderConfig"

    configuration: Kept[Replaced[Unstructured]] = field(default_factory=dict)
