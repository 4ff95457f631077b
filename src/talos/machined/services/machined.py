"""machined itself: running, and healthy when its own API socket accepts connections."""

from __future__ import annotations

from typing import TYPE_CHECKING

from talos.machined.health import HealthCheck, unix_answers
from talos.machined.service import InternalService

if TYPE_CHECKING:
    from talos.machined.node import Node

SOCKET = "/system/run/machined/apid.sock"


class Machined(InternalService):
    """This process."""

    id = "machined"

    def health(self, node: Node) -> HealthCheck:
        return HealthCheck(lambda: unix_answers(node.env.path(SOCKET)))
