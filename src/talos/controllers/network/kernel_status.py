"""What the kernel has, as resources: one controller a kind of thing, all of this shape."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Mapping
from typing import ClassVar

from talos.controllers.publish import publish
from talos.linux.netlink_socket import RouteMonitor, RouteSocket
from talos.state.controller import Controller
from talos.state.runtime import Runtime
from talos.state.spec import Spec

# Containers come and go by the dozen at once: one dump after a burst of notices instead of one per notice.
SETTLE_S = 0.02


class KernelStatusController(Controller):
    """Keeps the resources of ``kind`` equal to ``snapshot``, which is taken anew after every notice of ``groups``."""

    process = "networkd"
    kind: ClassVar[type[Spec]]
    groups: ClassVar[tuple[int, ...]]

    @abstractmethod
    def snapshot(self, route_socket: RouteSocket, rt: Runtime) -> Mapping[str, Spec]:
        """Specs by id, of what is there now."""

    async def run(self, rt: Runtime) -> None:
        monitor = RouteMonitor(self.groups, rt.trigger)
        try:
            with RouteSocket() as route_socket:
                async for _ in rt.events():
                    await publish(rt, self.kind, self.snapshot(route_socket, rt))
                    await asyncio.sleep(SETTLE_S)
        finally:
            monitor.close()
