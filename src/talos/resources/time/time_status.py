"""TimeStatus: resource type TimeStatuses.v1alpha1.talos.dev."""

from __future__ import annotations

from talos.state.spec import Spec, resource


@resource(
    type="TimeStatuses.v1alpha1.talos.dev",
    namespace="runtime",
    display="TimeStatus",
    aliases=("timestatus", "ts"),
    all_aliases=("timestatuses", "timestatuses.v1alpha1", "timestatuses.v1alpha1.talos"),
    columns=(("Synced", "{.synced}"),),
    proto="talos.resource.definitions.time.StatusSpec",
)
class StatusSpec(Spec):
    """Spec of TimeStatuses.v1alpha1.talos.dev."""

    synced: bool = False
    epoch: int = 0
    sync_disabled: bool = False
