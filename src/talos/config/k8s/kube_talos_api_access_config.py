"""KubeTalosAPIAccessConfig: access to the machine API from inside Kubernetes."""

from __future__ import annotations

from typing import ClassVar

from msgspec import field

from talos.config.document import Document


class KubeTalosAPIAccessConfig(Document, kw_only=True):
    """Access to the machine API from inside Kubernetes."""

    KIND: ClassVar[str] = "KubeTalosAPIAccessConfig"

    allowed_roles: list[str] = field(default_factory=list)
    allowed_kubernetes_namespaces: list[str] = field(default_factory=list)
