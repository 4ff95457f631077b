"""NodeAddressSortAlgorithm: resource type NodeAddressSortAlgorithms.net.talos.dev."""

from __future__ import annotations

from talos.resources.enums import AddressSortAlgorithm
from talos.state.spec import Spec, resource


@resource(
    type="NodeAddressSortAlgorithms.net.talos.dev",
    namespace="network",
    display="NodeAddressSortAlgorithm",
    aliases=("nodeaddresssortalgorithm", "nasa", "nasas"),
    all_aliases=("nodeaddresssortalgorithms", "nodeaddresssortalgorithms.net", "nodeaddresssortalgorithms.net.talos"),
    columns=(("Algorithm", "{.algorithm}"),),
    proto="talos.resource.definitions.network.NodeAddressSortAlgorithmSpec",
)
class NodeAddressSortAlgorithmSpec(Spec):
    """Spec of NodeAddressSortAlgorithms.net.talos.dev."""

    algorithm: AddressSortAlgorithm = AddressSortAlgorithm.V1
