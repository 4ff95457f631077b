"""DiscoveryServiceConfig: A service where the cluster's machines find each other."""

from __future__ import annotations

from typing import Annotated, ClassVar

from talos.config.document import Document
from talos.config.forms import URL, Kept, Needed, Pattern


class DiscoveryServiceConfig(Document, kw_only=True):
    """A service where the cluster's machines find each other."""

    KIND: ClassVar[str] = "DiscoveryServiceConfig"
    NAMED: ClassVar[bool] = True

    name: Needed[Kept[str]] = ""
    endpoint: Needed[Kept[Annotated[URL, Pattern(r"^(http|https|grpc)://", "an http, https or grpc URL")]]] = ""
