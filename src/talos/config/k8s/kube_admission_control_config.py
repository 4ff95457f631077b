"""KubeAdmissionControlConfig: configuration of an admission plugin of kube-apiserver."""

from __future__ import annotations

from typing import ClassVar

from msgspec import field

from talos.config.document import Document
from talos.config.forms import Kept, Unstructured


class KubeAdmissionControlConfig(Document, kw_only=True):
    """Configuration of an admission plugin of kube-apiserver."""

    KIND: ClassVar[str] = "KubeAdmissionControlConfig"
    NAMED: ClassVar[bool] = True

    name: Kept[str] = ""
    configuration: Kept[Unstructured] = field(default_factory=dict)
