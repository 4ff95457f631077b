"""SiderolinkStatus: resource type SiderolinkStatuses.siderolink.talos.dev."""

from __future__ import annotations

from talos.state.spec import Spec, resource


@resource(
    type="SiderolinkStatuses.siderolink.talos.dev",
    namespace="config",
    display="SiderolinkStatus",
    aliases=("siderolinkstatus", "ss"),
    all_aliases=("siderolinkstatuses", "siderolinkstatuses.siderolink", "siderolinkstatuses.siderolink.talos"),
    columns=(("Host", "{.host}"), ("Connected", "{.connected}")),
    proto="talos.resource.definitions.siderolink.StatusSpec",
)
class StatusSpec(Spec):
    """Spec of SiderolinkStatuses.siderolink.talos.dev."""

    host: str = ""
    connected: bool = False
    link_name: str = ""
    grpc_tunnel: bool = False
