"""SecurityProfileConfig: isolation of workloads from the machine's services."""

from __future__ import annotations

from typing import ClassVar

from talos.config.document import Document


class SecurityProfileConfig(Document, kw_only=True):
    """Isolation of workloads from the machine's services."""

    KIND: ClassVar[str] = "SecurityProfileConfig"

    workload_isolation: bool | None = None
