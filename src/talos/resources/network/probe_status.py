"""ProbeStatus: resource type ProbeStatuses.net.talos.dev."""

from __future__ import annotations

from talos.state.spec import Spec, resource


@resource(
    type="ProbeStatuses.net.talos.dev",
    namespace="network",
    display="ProbeStatus",
    aliases=("probe", "probes", "probestatus", "ps"),
    all_aliases=("probestatuses", "probestatuses.net", "probestatuses.net.talos"),
    columns=(("Success", "{.success}"),),
    proto="talos.resource.definitions.network.ProbeStatusSpec",
)
class ProbeStatusSpec(Spec):
    """Spec of ProbeStatuses.net.talos.dev."""

    success: bool = False
    last_error: str = ""
