"""LinkRefresh: resource type LinkRefreshes.net.talos.dev."""

from __future__ import annotations

from talos.state.spec import Spec, resource


@resource(
    type="LinkRefreshes.net.talos.dev",
    namespace="network",
    display="LinkRefresh",
    aliases=("linkrefresh", "lr", "lrs"),
    all_aliases=("linkrefreshes", "linkrefreshes.net", "linkrefreshes.net.talos"),
    proto="talos.resource.definitions.network.LinkRefreshSpec",
)
class LinkRefreshSpec(Spec):
    """Spec of LinkRefreshes.net.talos.dev."""

    generation: int = 0
