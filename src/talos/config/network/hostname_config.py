"""HostnameConfig: the machine's name, given or derived."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, ClassVar

from talos.config.document import Document
from talos.config.forms import Known, OneOf

if TYPE_CHECKING:
    from talos.config.config import Config


class HostnameConfig(Document, kw_only=True):
    """The machine's name, given or derived."""

    KIND: ClassVar[str] = "HostnameConfig"

    auto: Annotated[str, OneOf("off", "talos-addr", "stable"), Known("stable", "off")] | None = None
    hostname: str = ""

    def problems(self, config: Config) -> Iterator[str]:
        """Faults beyond the keys' own forms."""
        if self.hostname and self.auto not in (None, "off"):
            yield f"hostname and auto: {self.auto} exclude each other; set auto: off or remove hostname"
        if not self.hostname and self.auto is None:
            yield "hostname or auto is required"
