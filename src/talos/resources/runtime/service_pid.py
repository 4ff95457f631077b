"""ServicePID: resource type ServicePIDs.runtime.talos.dev."""

from __future__ import annotations

from talos.state.spec import Spec, resource


@resource(
    type="ServicePIDs.runtime.talos.dev",
    namespace="runtime",
    display="ServicePID",
    aliases=("servicepid", "spid", "spids"),
    all_aliases=("servicepids", "servicepids.runtime", "servicepids.runtime.talos"),
    columns=(("PID", "{.pid}"),),
    proto="talos.resource.definitions.runtime.ServicePIDSpec",
)
class ServicePIDSpec(Spec):
    """Spec of ServicePIDs.runtime.talos.dev."""

    pid: int = 0
    mount_namespace: str = ""
