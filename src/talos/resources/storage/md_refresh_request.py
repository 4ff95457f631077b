"""MDRefreshRequest: resource type MDRefreshRequests.storage.talos.dev."""

from __future__ import annotations

from talos.state.spec import Spec, resource


@resource(
    type="MDRefreshRequests.storage.talos.dev",
    namespace="storage",
    display="MDRefreshRequest",
    aliases=("mdrefreshrequest", "mdrr", "mdrrs"),
    all_aliases=("mdrefreshrequests", "mdrefreshrequests.storage", "mdrefreshrequests.storage.talos"),
    columns=(("Request", "{.request}"),),
    proto="talos.resource.definitions.storage.MDRefreshRequestSpec",
)
class MDRefreshRequestSpec(Spec):
    """Spec of MDRefreshRequests.storage.talos.dev."""

    request: int = 0
