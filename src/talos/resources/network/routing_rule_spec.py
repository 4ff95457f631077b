"""RoutingRuleSpec: resource type RoutingRuleSpecs.net.talos.dev."""

from __future__ import annotations

from talos.resources.enums import ConfigLayer, Family, RoutingRuleAction, RoutingTable
from talos.state.spec import Spec, resource


@resource(
    type="RoutingRuleSpecs.net.talos.dev",
    namespace="network",
    display="RoutingRuleSpec",
    aliases=("routingrulespec", "rrs"),
    all_aliases=("routingrulespecs", "routingrulespecs.net", "routingrulespecs.net.talos"),
    proto="talos.resource.definitions.network.RoutingRuleSpecSpec",
    omit_empty=("iif_name", "oif_name", "fw_mark", "fw_mask"),
    proto_names={"layer": "config_layer"},
)
class RoutingRuleSpecSpec(Spec):
    """Spec of RoutingRuleSpecs.net.talos.dev."""

    family: Family = Family(0)
    src: str = ""
    dst: str = ""
    table: RoutingTable = RoutingTable.TABLE_UNSPEC
    priority: int = 0
    action: RoutingRuleAction = RoutingRuleAction.UNSPEC
    iif_name: str = ""
    oif_name: str = ""
    fw_mark: int = 0
    fw_mask: int = 0
    layer: ConfigLayer = ConfigLayer.DEFAULT
