"""ConfigStatus: resource type ConfigStatuses.kubernetes.talos.dev."""

from __future__ import annotations

from talos.state.spec import Spec, resource


@resource(
    type="ConfigStatuses.kubernetes.talos.dev",
    namespace="controlplane",
    display="ConfigStatus",
    aliases=("configstatus", "cs"),
    all_aliases=("configstatuses", "configstatuses.kubernetes", "configstatuses.kubernetes.talos"),
    columns=(("Ready", "{.ready}"), ("Secrets Version", "{.version}")),
    proto="talos.resource.definitions.k8s.ConfigStatusSpec",
)
class ConfigStatusSpec(Spec):
    """Spec of ConfigStatuses.kubernetes.talos.dev."""

    ready: bool = False
    version: str = ""
