"""A service that hosts controllers: its process has no port to ask; that it works shows on the socket of the state."""

from __future__ import annotations

from typing import TYPE_CHECKING

from talos.machined.health import HealthCheck
from talos.machined.service import ForkedService
from talos.machined.state_socket import USER_IDS

if TYPE_CHECKING:
    from talos.machined.node import Node


class ControllerHost(ForkedService):
    """Healthy while it watches the resources that its controllers read: it runs, is connected and has started them."""

    api_restart = True

    def health(self, node: Node) -> HealthCheck:
        return HealthCheck(lambda: self._watches(node))

    async def _watches(self, node: Node) -> None:
        if node.state_socket is None or not node.state_socket.watches(USER_IDS[self.id]):
            raise ConnectionError(f"the controllers of {self.id} watch no resources: talosctl logs {self.id} says why")
