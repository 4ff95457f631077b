"""TCPProbeConfig: A reachability probe over TCP."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from talos.config.document import Document
from talos.config.duration import Duration
from talos.config.forms import Kept, Needed

if TYPE_CHECKING:
    from talos.config.config import Config


class TCPProbeConfig(Document, kw_only=True):
    """A reachability probe over TCP."""

    KIND: ClassVar[str] = "TCPProbeConfig"
    NAMED: ClassVar[bool] = True

    name: Needed[Kept[str]] = ""
    interval: Duration = Duration(0)
    failure_threshold: int = 0
    endpoint: Needed[Kept[str]] = ""
    timeout: Duration = Duration(0)

    def problems(self, config: Config) -> Iterator[str]:
        """Faults beyond the keys' own forms."""
        host, colon, port = self.endpoint.rpartition(":")
        if self.endpoint and not (host and colon and port.isdigit() and 0 < int(port) < 65536):
            yield f"endpoint is {self.endpoint!r}, must be HOST:PORT"
