"""KubePrismConfig: local load balancer for the Kubernetes API."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from talos.config import checks
from talos.config.document import Document
from talos.config.forms import Kept, Needed

if TYPE_CHECKING:
    from talos.config.config import Config


class KubePrismConfig(Document, kw_only=True):
    """Local load balancer for the Kubernetes API."""

    KIND: ClassVar[str] = "KubePrismConfig"

    port: Needed[Kept[int]] = 0
    tls_server_name: str = ""

    def problems(self, config: Config) -> Iterator[str]:
        """Faults beyond the keys' own forms."""
        yield from checks.port("port", self.port)
