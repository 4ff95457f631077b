"""Whether pods may get certificates for the machine API from this control plane node.

None may in this version: of such a configuration only the Service in Kubernetes is made. `enabled` says that, whatever
the configuration asks; the answer to its apply names the roles and namespaces that have no effect.
"""

from __future__ import annotations

from talos.config import Config
from talos.controllers.transform import ConfigTransform
from talos.resources.kubeaccess import ConfigSpec
from talos.state import Output


class ConfigController(ConfigTransform):
    """MachineConfig → KubernetesAccessConfig, on control plane nodes."""

    name = "kubeaccess.ConfigController"
    outputs = (Output(ConfigSpec),)
    kind = ConfigSpec
    id = "config"

    def render(self, config: Config) -> ConfigSpec | None:
        return ConfigSpec() if config.machine.configured and config.machine.is_control_plane else None
