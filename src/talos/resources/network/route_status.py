"""RouteStatus: resource type RouteStatuses.net.talos.dev."""

from __future__ import annotations

from talos.resources.enums import Family, RouteFlag, RouteProtocol, RouteType, RoutingTable, Scope
from talos.resources.network.route_next_hop import RouteNextHop
from talos.state.spec import Spec, resource


@resource(
    type="RouteStatuses.net.talos.dev",
    namespace="network",
    display="RouteStatus",
    aliases=("route", "routes", "routestatus", "rs"),
    all_aliases=("routestatuses", "routestatuses.net", "routestatuses.net.talos"),
    columns=(
        ("Destination", "{.dst}"),
        ("Gateway", "{.gateway}"),
        ("Link", "{.outLinkName}"),
        ("Metric", "{.priority}"),
    ),
    proto="talos.resource.definitions.network.RouteStatusSpec",
    omit_empty=("out_link_index", "out_link_name", "mtu", "next_hops"),
    proto_names={"dst": "destination", "src": "source"},
)
class RouteStatusSpec(Spec):
    """Spec of RouteStatuses.net.talos.dev."""

    family: Family = Family(0)
    dst: str = ""
    src: str = ""
    gateway: str = ""
    out_link_index: int = 0
    out_link_name: str = ""
    table: RoutingTable = RoutingTable.TABLE_UNSPEC
    priority: int = 0
    scope: Scope = Scope.GLOBAL
    type: RouteType = RouteType.UNSPEC
    flags: RouteFlag = RouteFlag(0)
    protocol: RouteProtocol = RouteProtocol.UNSPEC
    mtu: int = 0
    next_hops: list[RouteNextHop] = []
