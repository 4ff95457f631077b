"""SiderolinkTunnel: resource type SiderolinkTunnels.siderolink.talos.dev."""

from __future__ import annotations

from talos.state.spec import Spec, resource


@resource(
    type="SiderolinkTunnels.siderolink.talos.dev",
    namespace="config",
    display="SiderolinkTunnel",
    aliases=("siderolinktunnel", "st", "sts"),
    all_aliases=("siderolinktunnels", "siderolinktunnels.siderolink", "siderolinktunnels.siderolink.talos"),
    columns=(
        ("API Endpoint", "{.apiEndpoint}"),
        ("Link name", "{.linkName}"),
        ("MTU", "{.mtu}"),
        ("Node address", "{.nodeAddress}"),
    ),
    proto="talos.resource.definitions.siderolink.TunnelSpec",
    sensitive=True,
)
class TunnelSpec(Spec):
    """Spec of SiderolinkTunnels.siderolink.talos.dev."""

    api_endpoint: str = ""
    link_name: str = ""
    mtu: int = 0
    node_address: str = ""
