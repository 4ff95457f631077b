"""FilesystemTrimConfig: how often unused blocks are given back to disks."""

from __future__ import annotations

from typing import ClassVar

from talos.config.document import Document
from talos.config.duration import Duration


class FilesystemTrimConfig(Document, kw_only=True):
    """How often unused blocks are given back to disks."""

    KIND: ClassVar[str] = "FilesystemTrimConfig"

    interval: Duration = Duration(0)
