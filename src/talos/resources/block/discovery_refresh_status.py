"""DiscoveryRefreshStatus: resource type DiscoveryRefreshStatuses.block.talos.dev."""

from __future__ import annotations

from talos.state.spec import Spec, resource


@resource(
    type="DiscoveryRefreshStatuses.block.talos.dev",
    namespace="runtime",
    display="DiscoveryRefreshStatus",
    aliases=("discoveryrefreshstatus", "drs"),
    all_aliases=("discoveryrefreshstatuses", "discoveryrefreshstatuses.block", "discoveryrefreshstatuses.block.talos"),
    columns=(("Request", "{.request}"),),
    proto="talos.resource.definitions.block.DiscoveryRefreshStatusSpec",
)
class DiscoveryRefreshStatusSpec(Spec):
    """Spec of DiscoveryRefreshStatuses.block.talos.dev."""

    request: int = 0
