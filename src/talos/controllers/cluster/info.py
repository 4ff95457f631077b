"""Name and id of the cluster."""

from __future__ import annotations

from talos.config import Config
from talos.controllers.transform import ConfigTransform
from talos.resources.cluster import InfoSpec
from talos.state import Output


class InfoController(ConfigTransform):
    """MachineConfig -> Info "current"."""

    name = "cluster.InfoController"
    outputs = (Output(InfoSpec),)
    kind = InfoSpec
    id = "current"

    def render(self, config: Config) -> InfoSpec | None:
        if not config.machine.configured:
            return None
        return InfoSpec(cluster_id=config.cluster.id, cluster_name=config.cluster.name)
