"""HTTPProbeConfig: A reachability probe over HTTP."""

from __future__ import annotations

from typing import Annotated, ClassVar

from talos.config.document import Document
from talos.config.duration import Duration
from talos.config.forms import URL, Kept, Needed, Pattern


class HTTPProbeConfig(Document, kw_only=True):
    """A reachability probe over HTTP."""

    KIND: ClassVar[str] = "HTTPProbeConfig"
    NAMED: ClassVar[bool] = True

    name: Needed[Kept[str]] = ""
    interval: Duration = Duration(0)
    failure_threshold: int = 0
    url: Needed[Kept[Annotated[URL, Pattern(r"^(http|https)://", "an http or https URL")]]] = ""
    timeout: Duration = Duration(0)
