"""AdjtimeStatus: resource type AdjtimeStatuses.v1alpha1.talos.dev."""

from __future__ import annotations

from datetime import timedelta

from talos.state.spec import Spec, resource


@resource(
    type="AdjtimeStatuses.v1alpha1.talos.dev",
    namespace="runtime",
    display="AdjtimeStatus",
    aliases=("adjtimestatus", "as"),
    all_aliases=("adjtimestatuses", "adjtimestatuses.v1alpha1", "adjtimestatuses.v1alpha1.talos"),
    columns=(
        ("Offset", "{.offset}"),
        ("EstError", "{.estError}"),
        ("MaxError", "{.maxError}"),
        ("Status", "{.status}"),
        ("Sync", "{.syncStatus}"),
    ),
    proto="talos.resource.definitions.time.AdjtimeStatusSpec",
)
class AdjtimeStatusSpec(Spec):
    """Spec of AdjtimeStatuses.v1alpha1.talos.dev."""

    offset: timedelta = timedelta()
    frequency_adjustment_ratio: float = 0.0
    max_error: timedelta = timedelta()
    est_error: timedelta = timedelta()
    status: str = ""
    constant: int = 0
    sync_status: bool = False
    state: str = ""
