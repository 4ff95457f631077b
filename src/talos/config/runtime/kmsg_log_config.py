"""KmsgLogConfig: where the kernel log is sent."""

from __future__ import annotations

from typing import Annotated, ClassVar

from talos.config.document import Document
from talos.config.forms import URL, Kept, Needed, Pattern


class KmsgLogConfig(Document, kw_only=True):
    """Where the kernel log is sent."""

    KIND: ClassVar[str] = "KmsgLogConfig"
    NAMED: ClassVar[bool] = True

    name: Needed[Kept[str]] = ""
    url: Needed[Kept[Annotated[URL, Pattern(r"^(tcp|udp)://", "a tcp or udp URL")]]] = ""
