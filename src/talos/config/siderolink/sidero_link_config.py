"""SideroLinkConfig: management tunnel to a SideroLink endpoint."""

from __future__ import annotations

from typing import Annotated, ClassVar

from talos.config.document import Document
from talos.config.forms import URL, Kept, Needed, Pattern, Secret


class SideroLinkConfig(Document, kw_only=True):
    """Management tunnel to a SideroLink endpoint."""

    KIND: ClassVar[str] = "SideroLinkConfig"
    SECRET: ClassVar[bool] = True

    api_url: Needed[Kept[Annotated[URL, Pattern(r"^(https|grpc)://", "an https or grpc URL")]]] = ""
    unique_token: Secret[str] = ""
