"""CRICustomizationConfig: A fragment of containerd's configuration (TOML)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from talos.config.document import Document
from talos.config.forms import Kept, Needed

if TYPE_CHECKING:
    from talos.config.config import Config


class CRICustomizationConfig(Document, kw_only=True):
    """A fragment of containerd's configuration (TOML)."""

    KIND: ClassVar[str] = "CRICustomizationConfig"
    NAMED: ClassVar[bool] = True

    name: Needed[Kept[str]] = ""
    content: Kept[str] = ""

    def problems(self, config: Config) -> Iterator[str]:
        """Faults beyond the keys' own forms."""
        import tomllib  # of this document alone

        try:
            tomllib.loads(self.content)
        except tomllib.TOMLDecodeError as error:
            yield f"content is not TOML: {error}"
