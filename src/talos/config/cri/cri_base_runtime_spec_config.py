"""CRIBaseRuntimeSpecConfig: overrides in the OCI runtime specification of every pod container."""

from __future__ import annotations

from typing import ClassVar

from msgspec import field

from talos.config.document import Document
from talos.config.forms import Replaced, Unstructured


class CRIBaseRuntimeSpecConfig(Document, kw_only=True):
    """Overrides in the OCI runtime specification of every pod container."""

    KIND: ClassVar[str] = "CRIBaseRuntimeSpecConfig"

    overrides: Replaced[Unstructured] = field(default_factory=dict)
