"""Authorizers of kube-apiserver, from the configuration."""

from __future__ import annotations

from typing import Any

from talos.config import Config
from talos.controllers.transform import ConfigTransform
from talos.resources.k8s import AuthorizationAuthorizersSpec, AuthorizationConfigSpec
from talos.state import Output


class ControlPlaneAuthorizationController(ConfigTransform):
    """MachineConfig -> AuthorizationConfig "authorization"."""

    name = "k8s.ControlPlaneAuthorizationController"
    outputs = (Output(AuthorizationConfigSpec),)
    kind = AuthorizationConfigSpec
    id = "authorization"

    def render(self, config: Config) -> AuthorizationConfigSpec | None:
        server = config.kubernetes.api_server
        if not config.machine.is_control_plane or server is None:
            return None
        authorizers = [(a.type, a.name, a.webhook) for a in config.kubernetes.authorizers]
        if server.inject_default_authorizers:
            # Nodes and roles come first unless the configuration places them itself.
            given = {kind for kind, _, _ in authorizers}
            nothing: dict[str, Any] = {}
            authorizers = [
                *((kind, kind.lower(), nothing) for kind in ("Node", "RBAC") if kind not in given),
                *authorizers,
            ]
        return AuthorizationConfigSpec(
            image=server.image,
            config=[AuthorizationAuthorizersSpec(type=t, name=n, webhook=w) for t, n, w in authorizers],
        )
