"""cri: the CRI plugin of the containerd process. It runs when containerd runs and is healthy when CRI answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from talos.machined.conditions import Condition
from talos.machined.health import HealthCheck
from talos.machined.service import InternalService
from talos.machined.services.common import VolumesMounted, network_ready

if TYPE_CHECKING:
    from talos.machined.node import Node


class Cri(InternalService):
    """Container Runtime Interface."""

    id = "cri"
    depends = ("containerd",)

    def conditions(self, node: Node) -> Sequence[Condition]:
        return (VolumesMounted("/var/lib", "/var/lib/cni", "CRI", "/var/run", "/var/run/lock"), network_ready())

    def health(self, node: Node) -> HealthCheck:
        from talos.machined.cri import runtime_ready

        return HealthCheck(runtime_ready, timeout_s=2.0)
