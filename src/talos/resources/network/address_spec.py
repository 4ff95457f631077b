"""AddressSpec: resource type AddressSpecs.net.talos.dev."""

from __future__ import annotations

import msgspec

from talos.resources.enums import AddressFlag, ConfigLayer, Family, Scope
from talos.state.spec import Spec, resource


@resource(
    type="AddressSpecs.net.talos.dev",
    namespace="network",
    display="AddressSpec",
    aliases=("addressspec", "as"),
    all_aliases=("addressspecs", "addressspecs.net", "addressspecs.net.talos"),
    proto="talos.resource.definitions.network.AddressSpecSpec",
    omit_empty=("announce_with_arp", "priority"),
    proto_names={"layer": "config_layer"},
)
class AddressSpecSpec(Spec):
    """Spec of AddressSpecs.net.talos.dev."""

    address: str = ""
    link_name: str = ""
    family: Family = Family(0)
    scope: Scope = Scope.GLOBAL
    flags: AddressFlag = AddressFlag(0)
    announce_with_arp: bool = msgspec.field(default=False, name="announceWithARP")
    priority: int = 0
    layer: ConfigLayer = ConfigLayer.DEFAULT
