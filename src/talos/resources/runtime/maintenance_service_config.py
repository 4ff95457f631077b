"""MaintenanceServiceConfig: resource type MaintenanceServiceConfigs.runtime.talos.dev."""

from __future__ import annotations

from talos.state.spec import Spec, resource


@resource(
    type="MaintenanceServiceConfigs.runtime.talos.dev",
    namespace="runtime",
    display="MaintenanceServiceConfig",
    aliases=("maintenanceserviceconfig", "msc", "mscs"),
    all_aliases=(
        "maintenanceserviceconfigs",
        "maintenanceserviceconfigs.runtime",
        "maintenanceserviceconfigs.runtime.talos",
    ),
    proto="talos.resource.definitions.runtime.MaintenanceServiceConfigSpec",
)
class MaintenanceServiceConfigSpec(Spec):
    """Spec of MaintenanceServiceConfigs.runtime.talos.dev."""

    listen_address: str = ""
    reachable_addresses: list[str] = []
