"""KubeEtcdEncryptionConfig: encryption of objects in etcd."""

from __future__ import annotations

from typing import ClassVar

from msgspec import field

from talos.config.document import Document
from talos.config.forms import Kept, Secret, Unstructured


class KubeEtcdEncryptionConfig(Document, kw_only=True):
    """Encryption of objects in etcd."""

    KIND: ClassVar[str] = "KubeEtcdEncryptionConfig"
    SECRET: ClassVar[bool] = True

    config: Secret[Kept[Unstructured]] = field(default_factory=dict)
