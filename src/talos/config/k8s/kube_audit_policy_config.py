"""KubeAuditPolicyConfig: audit policy of kube-apiserver."""

from __future__ import annotations

from typing import ClassVar

from msgspec import field

from talos.config.document import Document
from talos.config.forms import Kept, Replaced, Unstructured


class KubeAuditPolicyConfig(Document, kw_only=True):
    """Audit policy of kube-apiserver."""

    KIND: ClassVar[str] = "KubeAuditPolicyConfig"

    configuration: Kept[Replaced[Unstructured]] = field(default_factory=dict)
