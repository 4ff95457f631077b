"""apid: the API on port 50000, from the start: in maintenance mode it is the only way in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from talos.machined.health import HealthCheck, tcp_answers
from talos.machined.service import ForkedService

if TYPE_CHECKING:
    from talos.machined.node import Node

PORT = 50000


class Apid(ForkedService):
    """The API's door."""

    id = "apid"
    api_restart = True

    def health(self, node: Node) -> HealthCheck:
        return HealthCheck(lambda: tcp_answers("127.0.0.1", PORT))
