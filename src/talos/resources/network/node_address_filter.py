"""NodeAddressFilter: resource type NodeAddressFilters.net.talos.dev."""

from __future__ import annotations

from talos.state.spec import Spec, resource


@resource(
    type="NodeAddressFilters.net.talos.dev",
    namespace="network",
    display="NodeAddressFilter",
    aliases=("nodeaddressfilter", "naf", "nafs"),
    all_aliases=("nodeaddressfilters", "nodeaddressfilters.net", "nodeaddressfilters.net.talos"),
    columns=(("Include Subnets", "{.includeSubnets}"), ("Exclude Subnets", "{.excludeSubnets}")),
    proto="talos.resource.definitions.network.NodeAddressFilterSpec",
)
class NodeAddressFilterSpec(Spec):
    """Spec of NodeAddressFilters.net.talos.dev."""

    include_subnets: list[str] = []
    exclude_subnets: list[str] = []
