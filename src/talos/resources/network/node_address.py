"""NodeAddress: resource type NodeAddresses.net.talos.dev."""

from __future__ import annotations

from talos.resources.enums import AddressSortAlgorithm
from talos.state.spec import Spec, resource


@resource(
    type="NodeAddresses.net.talos.dev",
    namespace="network",
    display="NodeAddress",
    aliases=("nodeaddress", "na", "nas"),
    all_aliases=("nodeaddresses", "nodeaddresses.net", "nodeaddresses.net.talos"),
    columns=(("Addresses", "{.addresses}"), ("SortAlgorithm", "{.sortAlgorithm}")),
    proto="talos.resource.definitions.network.NodeAddressSpec",
)
class NodeAddressSpec(Spec):
    """Spec of NodeAddresses.net.talos.dev."""

    addresses: list[str] = []
    sort_algorithm: AddressSortAlgorithm = AddressSortAlgorithm.V1
