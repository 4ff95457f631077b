"""LVMRefreshRequest: resource type LVMRefreshRequests.storage.talos.dev."""

from __future__ import annotations

from talos.state.spec import Spec, resource


@resource(
    type="LVMRefreshRequests.storage.talos.dev",
    namespace="storage",
    display="LVMRefreshRequest",
    aliases=("lvmrefreshrequest", "lvmrr", "lvmrrs"),
    all_aliases=("lvmrefreshrequests", "lvmrefreshrequests.storage", "lvmrefreshrequests.storage.talos"),
    columns=(("Request", "{.request}"),),
    proto="talos.resource.definitions.storage.LVMRefreshRequestSpec",
)
class LVMRefreshRequestSpec(Spec):
    """Spec of LVMRefreshRequests.storage.talos.dev."""

    request: int = 0
