"""AddressStatus: resource type AddressStatuses.net.talos.dev."""

from __future__ import annotations

from talos.resources.enums import AddressFlag, Family, Scope
from talos.state.spec import Spec, resource


@resource(
    type="AddressStatuses.net.talos.dev",
    namespace="network",
    display="AddressStatus",
    aliases=("address", "addresses", "addressstatus", "as"),
    all_aliases=("addressstatuses", "addressstatuses.net", "addressstatuses.net.talos"),
    columns=(("Address", "{.address}"), ("Link", "{.linkName}")),
    proto="talos.resource.definitions.network.AddressStatusSpec",
    omit_empty=("local", "broadcast", "anycast", "multicast"),
)
class AddressStatusSpec(Spec):
    """Spec of AddressStatuses.net.talos.dev."""

    address: str = ""
    local: str = ""
    broadcast: str = ""
    anycast: str = ""
    multicast: str = ""
    link_index: int = 0
    link_name: str = ""
    family: Family = Family(0)
    scope: Scope = Scope.GLOBAL
    flags: AddressFlag = AddressFlag(0)
    priority: int = 0
