"""Which pods may get certificates for the machine API from this control plane node."""

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
        if not (config.machine.configured and config.machine.is_control_plane):
            return None
        access = config.machine.talos_api_access
        return ConfigSpec(
            enabled=access.enabled,
            allowed_api_roles=list(access.allowed_roles),
            allowed_kubernetes_namespaces=list(access.allowed_namespaces),
        )
