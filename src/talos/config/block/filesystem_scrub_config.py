"""FilesystemScrubConfig: how often file systems are scrubbed."""

from __future__ import annotations

from typing import ClassVar

from talos.config.document import Document
from talos.config.duration import Duration


class FilesystemScrubConfig(Document, kw_only=True):
    """How often file systems are scrubbed."""

    KIND: ClassVar[str] = "FilesystemScrubConfig"

    interval: Duration = Duration(0)
