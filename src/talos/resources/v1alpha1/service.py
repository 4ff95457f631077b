"""Service: resource type Services.v1alpha1.talos.dev."""

from __future__ import annotations

from talos.state.spec import Spec, resource


@resource(
    type="Services.v1alpha1.talos.dev",
    namespace="runtime",
    display="Service",
    aliases=("svc", "service"),
    all_aliases=("services", "services.v1alpha1", "services.v1alpha1.talos"),
    columns=(("Running", "{.running}"), ("Healthy", "{.healthy}"), ("Health Unknown", "{.unknown}")),
    proto="talos.resource.definitions.v1alpha1.ServiceSpec",
)
class ServiceSpec(Spec):
    """Spec of Services.v1alpha1.talos.dev."""

    running: bool = False
    healthy: bool = False
    unknown: bool = False
