"""RouteSpec: resource type RouteSpecs.net.talos.dev."""

from __future__ import annotations

from talos.resources.enums import ConfigLayer, Family, RouteFlag, RouteProtocol, RouteType, RoutingTable, Scope
from talos.resources.network.route_next_hop import RouteNextHop
from talos.state.spec import Spec, resource


@resource(
    type="RouteSpecs.net.talos.dev",
    namespace="network",
    display="RouteSpec",
    aliases=("routespec", "rs"),
    all_aliases=("routespecs", "routespecs.net", "routespecs.net.talos"),
    proto="talos.resource.definitions.network.RouteSpecSpec",
    omit_empty=("out_link_name", "priority", "mtu", "next_hops"),
    proto_names={"dst": "destination", "src": "source", "layer": "config_layer"},
)
class RouteSpecSpec(Spec):
    """Spec of RouteSpecs.net.talos.dev."""

    family: Family = Family(0)
    dst: str = ""
    src: str = ""
    gateway: str = ""
    out_link_name: str = ""
    table: RoutingTable = RoutingTable.TABLE_UNSPEC
    priority: int = 0
    scope: Scope = Scope.GLOBAL
    type: RouteType = RouteType.UNSPEC
    flags: RouteFlag = RouteFlag(0)
    protocol: RouteProtocol = RouteProtocol.UNSPEC
    layer: ConfigLayer = ConfigLayer.DEFAULT
    mtu: int = 0
    next_hops: list[RouteNextHop] = []
