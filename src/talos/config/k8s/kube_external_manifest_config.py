"""KubeExternalManifestConfig: A manifest fetched from a URL and applied at bootstrap."""

from __future__ import annotations

from typing import Annotated, ClassVar

from msgspec import field

from talos.config.document import Document
from talos.config.forms import URL, Kept, Needed, Pattern


class KubeExternalManifestConfig(Document, kw_only=True):
    """A manifest fetched from a URL and applied at bootstrap."""

    KIND: ClassVar[str] = "KubeExternalManifestConfig"
    NAMED: ClassVar[bool] = True

    name: Needed[Kept[str]] = ""
    headers: dict[str, str] = field(default_factory=dict)
    url: Needed[Kept[Annotated[URL, Pattern(r"^(http|https)://", "an http or https URL")]]] = ""
