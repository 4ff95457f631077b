"""AuditSinkConfig: where the audit log is sent, line by line as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, ClassVar

from talos.config.document import OWN_API_VERSION, Document
from talos.config.forms import URL, Kept, Pattern

if TYPE_CHECKING:
    from talos.config.config import Config


class AuditSinkConfig(Document, kw_only=True):
    """Where the audit log is sent, a record a line as JSON."""

    KIND: ClassVar[str] = "AuditSinkConfig"
    API_VERSION: ClassVar[str] = OWN_API_VERSION
    NAMED: ClassVar[bool] = True

    name: Kept[str] = ""
    url: Kept[Annotated[URL, Pattern(r"^(tcp|udp)://[^/]+:\d+/?$", "tcp://HOST:PORT or udp://HOST:PORT")]] = ""

    def problems(self, config: Config) -> Iterator[str]:
        """Faults beyond the keys' own forms."""
        if not self.name:
            yield "name is required"
        if not self.url:
            yield "url is required"
