"""APIServiceConfig: resource type APIServiceConfigs.runtime.talos.dev."""

from __future__ import annotations

from talos.state.spec import Spec, resource


@resource(
    type="APIServiceConfigs.runtime.talos.dev",
    namespace="runtime",
    display="APIServiceConfig",
    aliases=("apiserviceconfig", "apisc", "apiscs"),
    all_aliases=("apiserviceconfigs", "apiserviceconfigs.runtime", "apiserviceconfigs.runtime.talos"),
    proto="talos.resource.definitions.runtime.APIServiceConfigSpec",
)
class APIServiceConfigSpec(Spec):
    """Spec of APIServiceConfigs.runtime.talos.dev."""

    listen_address: str = ""
    node_routing_disabled: bool = False
    readonly_role_mode: bool = False
    skip_verifying_client_cert: bool = False
