"""AuthorizationConfig: resource type AuthorizationConfigs.kubernetes.talos.dev."""

from __future__ import annotations

from typing import Any

from talos.state.spec import Part, Spec, resource


class AuthorizationAuthorizersSpec(Part):
    """Message AuthorizationAuthorizersSpec of the wire contract."""

    type: str = ""
    name: str = ""
    webhook: dict[str, Any] = {}


@resource(
    type="AuthorizationConfigs.kubernetes.talos.dev",
    namespace="controlplane",
    display="AuthorizationConfig",
    aliases=("authorizationconfig", "ac", "acs"),
    all_aliases=("authorizationconfigs", "authorizationconfigs.kubernetes", "authorizationconfigs.kubernetes.talos"),
    proto="talos.resource.definitions.k8s.AuthorizationConfigSpec",
    sensitive=True,
)
class AuthorizationConfigSpec(Spec):
    """Spec of AuthorizationConfigs.kubernetes.talos.dev."""

    image: str = ""
    config: list[AuthorizationAuthorizersSpec] = []
