"""Whether this node takes part in KubeSpan, and by which names it would find its peers.

This version does not carry the mesh out: `enabled` is false whatever the configuration asks, which the answer to its
apply says too. A resource that repeated the configuration would show a mesh where no packet is encrypted.
"""

from __future__ import annotations

from talos.config import Config
from talos.controllers.transform import ConfigTransform
from talos.resources.kubespan import ConfigSpec
from talos.state import Output


class ConfigController(ConfigTransform):
    """MachineConfig → KubeSpanConfig."""

    name = "kubespan.ConfigController"
    outputs = (Output(ConfigSpec),)
    kind = ConfigSpec
    id = "kubespan"

    def render(self, config: Config) -> ConfigSpec | None:
        if not config.machine.configured:
            return None
        return ConfigSpec(cluster_id=config.cluster.id, shared_secret=config.cluster.secret)
