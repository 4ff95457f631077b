"""trustd: signs the API certificates of joining nodes; control plane nodes only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from talos.machined.conditions import Condition
from talos.machined.health import HealthCheck, tcp_answers
from talos.machined.service import ForkedService
from talos.machined.services.common import network_ready, time_synced

if TYPE_CHECKING:
    from talos.machined.node import Node

PORT = 50001


class Trustd(ForkedService):
    """Certificate requests on port 50001."""

    id = "trustd"
    api_restart = True

    def conditions(self, node: Node) -> Sequence[Condition]:
        return (time_synced(), network_ready())

    def health(self, node: Node) -> HealthCheck:
        return HealthCheck(lambda: tcp_answers("127.0.0.1", PORT))
