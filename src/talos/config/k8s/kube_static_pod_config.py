"""KubeStaticPodConfig: A static pod."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from msgspec import field

from talos.config.document import Document
from talos.config.forms import Kept, Needed, Replaced, Unstructured

if TYPE_CHECKING:
    from talos.config.config import Config


class KubeStaticPodConfig(Document, kw_only=True):
    """A static pod."""

    KIND: ClassVar[str] = "KubeStaticPodConfig"
    NAMED: ClassVar[bool] = True

    name: Needed[Kept[str]] = ""
    pod: Needed[Kept[Replaced[Unstructured]]] = field(default_factory=dict)

    def problems(self, config: Config) -> Iterator[str]:
        """Faults beyond the keys' own forms."""
        if self.pod.get("kind", "Pod") != "Pod":
            yield f"pod.kind is {self.pod['kind']!r}, must be Pod"
        metadata = self.pod.get("metadata")
        if not isinstance(metadata, dict) or not metadata.get("name"):
            yield "pod.metadata.name is required"
