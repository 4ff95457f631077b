"""RoutingRuleStatus: resource type RoutingRuleStatuses.net.talos.dev."""

from __future__ import annotations

from talos.resources.enums import Family, RoutingRuleAction, RoutingTable
from talos.state.spec import Spec, resource


@resource(
    type="RoutingRuleStatuses.net.talos.dev",
    namespace="network",
    display="RoutingRuleStatus",
    aliases=("routingrule", "routingrules", "routingrulestatus", "rrs"),
    all_aliases=("routingrulestatuses", "routingrulestatuses.net", "routingrulestatuses.net.talos"),
    columns=(("Src", "{.src}"), ("Dst", "{.dst}"), ("Table", "{.table}"), ("Priority", "{.priority}")),
    proto="talos.resource.definitions.network.RoutingRuleStatusSpec",
    omit_empty=("iif_name", "oif_name", "fw_mark", "fw_mask"),
)
class RoutingRuleStatusSpec(Spec):
    """Spec of RoutingRuleStatuses.net.talos.dev."""

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
