"""KubeAuthenticationConfig: structured authentication configuration of kube-apiserver."""

from __future__ import annotations

from typing import ClassVar

from msgspec import field

from talos.config.document import Document
from talos.config.forms import Kept, Replaced, Unstructured


class KubeAuthenticationConfig(Document, kw_only=True):
    """Structured authentication configuration of kube-apiserver."""

    KIND: ClassVar[str] = "KubeAuthenticationConfig"

    configuration: Kept[Replaced[Unstructured]] = field(default_factory=dict)
