"""SiderolinkConfig: resource type SiderolinkConfigs.siderolink.talos.dev."""

from __future__ import annotations

from talos.state.spec import Spec, resource


@resource(
    type="SiderolinkConfigs.siderolink.talos.dev",
    namespace="config",
    display="SiderolinkConfig",
    aliases=("siderolinkconfig", "sc", "scs"),
    all_aliases=("siderolinkconfigs", "siderolinkconfigs.siderolink", "siderolinkconfigs.siderolink.talos"),
    columns=(("API Endpoint", "{.apiEndpoint}"), ("Tunnel", "{.tunnel}")),
    proto="talos.resource.definitions.siderolink.ConfigSpec",
    sensitive=True,
)
class ConfigSpec(Spec):
    """Spec of SiderolinkConfigs.siderolink.talos.dev."""

    api_endpoint: str = ""
    host: str = ""
    join_token: str = ""
    insecure: bool = False
    tunnel: bool = False
