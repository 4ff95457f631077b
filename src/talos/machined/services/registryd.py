"""registryd: serves the node's cache of images to containerd; only where there is one (talos.machined.image_cache)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from talos.machined.health import HealthCheck, http_ok
from talos.machined.service import ForkedService

if TYPE_CHECKING:
    from talos.machined.node import Node

PORT = 3172


class Registryd(ForkedService):
    """A registry on the loopback."""

    id = "registryd"
    api_restart = True

    def health(self, node: Node) -> HealthCheck:
        return HealthCheck(lambda: http_ok("127.0.0.1", PORT, "/healthz"))
