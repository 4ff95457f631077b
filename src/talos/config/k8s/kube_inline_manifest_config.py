"""KubeInlineManifestConfig: A manifest applied at bootstrap."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from talos.config.document import Document
from talos.config.errors import ConfigError
from talos.config.forms import Kept, Needed
from talos.config.yaml_reader import load

if TYPE_CHECKING:
    from talos.config.config import Config


class KubeInlineManifestConfig(Document, kw_only=True):
    """A manifest applied at bootstrap."""

    KIND: ClassVar[str] = "KubeInlineManifestConfig"
    NAMED: ClassVar[bool] = True

    name: Needed[Kept[str]] = ""
    manifest: Needed[Kept[str]] = ""

    def problems(self, config: Config) -> Iterator[str]:
        """Faults beyond the keys' own forms."""
        try:
            found = load(self.manifest)
        except ConfigError as e:
            yield f"manifest: {e}"
            return
        for number, item in enumerate(found, 1):
            if not isinstance(item, dict) or not item.get("kind") or not item.get("apiVersion"):
                yield f"manifest: object {number} has no apiVersion and kind"
