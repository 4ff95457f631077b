"""MaintenanceServiceRequest: resource type MaintenanceServiceRequests.runtime.talos.dev."""

from __future__ import annotations

from talos.state.spec import Spec, resource


@resource(
    type="MaintenanceServiceRequests.runtime.talos.dev",
    namespace="runtime",
    display="MaintenanceServiceRequest",
    aliases=("maintenanceservicerequest", "msr", "msrs"),
    all_aliases=(
        "maintenanceservicerequests",
        "maintenanceservicerequests.runtime",
        "maintenanceservicerequests.runtime.talos",
    ),
)
class MaintenanceServiceRequestSpec(Spec):
    """Spec of MaintenanceServiceRequests.runtime.talos.dev."""
