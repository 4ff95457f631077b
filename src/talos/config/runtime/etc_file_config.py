"""EtcFileConfig: A file under /etc."""

from __future__ import annotations

from typing import ClassVar

from talos.config.document import Document
from talos.config.forms import FileMode, Kept, Needed


class EtcFileConfig(Document, kw_only=True):
    """A file under /etc."""

    KIND: ClassVar[str] = "EtcFileConfig"
    NAMED: ClassVar[bool] = True

    name: Needed[Kept[str]] = ""
    mode: Kept[FileMode] = 0
    contents: Kept[str] = ""
