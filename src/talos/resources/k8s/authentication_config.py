"""AuthenticationConfig: resource type AuthenticationConfigs.kubernetes.talos.dev."""

from __future__ import annotations

from typing import Any

from talos.state.spec import Spec, resource


@resource(
    type="AuthenticationConfigs.kubernetes.talos.dev",
    namespace="controlplane",
    display="AuthenticationConfig",
    aliases=("authenticationconfig", "ac", "acs"),
    all_aliases=("authenticationconfigs", "authenticationconfigs.kubernetes", "authenticationconfigs.kubernetes.talos"),
    proto="talos.resource.definitions.k8s.AuthenticationConfigSpec",
    sensitive=True,
)
class AuthenticationConfigSpec(Spec):
    """Spec of AuthenticationConfigs.kubernetes.talos.dev."""

    config: dict[str, Any] = {}
