"""DiscoveryRefreshRequest: resource type DiscoveryRefreshRequests.block.talos.dev."""

from __future__ import annotations

from talos.state.spec import Spec, resource


@resource(
    type="DiscoveryRefreshRequests.block.talos.dev",
    namespace="runtime",
    display="DiscoveryRefreshRequest",
    aliases=("discoveryrefreshrequest", "drr", "drrs"),
    all_aliases=("discoveryrefreshrequests", "discoveryrefreshrequests.block", "discoveryrefreshrequests.block.talos"),
    columns=(("Request", "{.request}"),),
    proto="talos.resource.definitions.block.DiscoveryRefreshRequestSpec",
)
class DiscoveryRefreshRequestSpec(Spec):
    """Spec of DiscoveryRefreshRequests.block.talos.dev."""

    request: int = 0
