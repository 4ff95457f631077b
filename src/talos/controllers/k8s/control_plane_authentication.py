"""Structured authentication of kube-apiserver (KEP-3331), from the configuration."""

from __future__ import annotations

from talos.config import Config
from talos.controllers.transform import ConfigTransform
from talos.resources.k8s import AuthenticationConfigSpec
from talos.state import Output


class ControlPlaneAuthenticationController(ConfigTransform):
    """MachineConfig -> AuthenticationConfig "authentication-config"."""

    name = "k8s.ControlPlaneAuthenticationController"
    outputs = (Output(AuthenticationConfigSpec),)
    kind = AuthenticationConfigSpec
    id = "authentication-config"

    def render(self, config: Config) -> AuthenticationConfigSpec | None:
        server = config.kubernetes.api_server
        if not config.machine.is_control_plane or server is None or not server.use_authentication_config:
            return None
        configured = config.kubernetes.authentication_config
        if configured is None:
            # Without a document nobody is anonymous, as with --anonymous-auth=false.
            configured = {"anonymous": {"enabled": False}, "jwt": []}
        head = {"apiVersion": "apiserver.config.k8s.io/v1beta1", "kind": "AuthenticationConfiguration"}
        return AuthenticationConfigSpec(config={**head, **configured})
