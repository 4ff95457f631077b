"""RegistryMirrorConfig: mirrors of a container registry."""

from __future__ import annotations

from typing import Annotated, ClassVar

from msgspec import field

from talos.config.document import Document, Part
from talos.config.forms import URL, Kept, Needed, Pattern


class RegistryEndpoint(Part, kw_only=True):
    """``endpoints``."""

    url: Needed[Kept[Annotated[URL, Pattern(r"^(http|https)://", "an http or https URL")]]] = ""
    override_path: bool | None = None


class RegistryMirrorConfig(Document, kw_only=True):
    """Mirrors of a container registry."""

    KIND: ClassVar[str] = "RegistryMirrorConfig"
    NAMED: ClassVar[bool] = True

    name: Needed[Kept[str]] = ""
    endpoints: list[RegistryEndpoint] = field(default_factory=list)
    skip_fallback: bool | None = None
