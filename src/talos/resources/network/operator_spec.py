"""OperatorSpec: resource type OperatorSpecs.net.talos.dev."""

from __future__ import annotations

from talos.resources.enums import ConfigLayer, Operator
from talos.resources.network.dhcp4_operator import DHCP4OperatorSpec
from talos.resources.network.dhcp6_operator import DHCP6OperatorSpec
from talos.resources.network.vip_operator import VIPOperatorSpec
from talos.state.spec import Spec, resource


@resource(
    type="OperatorSpecs.net.talos.dev",
    namespace="network",
    display="OperatorSpec",
    aliases=("operatorspec", "os"),
    all_aliases=("operatorspecs", "operatorspecs.net", "operatorspecs.net.talos"),
    proto="talos.resource.definitions.network.OperatorSpecSpec",
    sensitive=True,
    omit_empty=("dhcp4", "dhcp6", "vip"),
    proto_names={"layer": "config_layer"},
)
class OperatorSpecSpec(Spec):
    """Spec of OperatorSpecs.net.talos.dev."""

    operator: Operator = Operator.DHCP4
    link_name: str = ""
    require_up: bool = False
    dhcp4: DHCP4OperatorSpec | None = None
    dhcp6: DHCP6OperatorSpec | None = None
    vip: VIPOperatorSpec | None = None
    layer: ConfigLayer = ConfigLayer.DEFAULT
