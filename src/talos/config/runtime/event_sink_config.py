"""EventSinkConfig: where machine events are sent."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from talos.config.document import Document
from talos.config.forms import Kept

if TYPE_CHECKING:
    from talos.config.config import Config


class EventSinkConfig(Document, kw_only=True):
    """Where machine events are sent."""

    KIND: ClassVar[str] = "EventSinkConfig"

    endpoint: Kept[str] = ""

    def problems(self, config: Config) -> Iterator[str]:
        """Faults beyond the keys' own forms."""
        host, _, port = self.endpoint.rpartition(":")
        if not host or not port.isdigit():
            yield f"endpoint is {self.endpoint!r}, must be HOST:PORT"
