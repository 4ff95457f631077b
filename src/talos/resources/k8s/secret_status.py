"""SecretStatus: resource type SecretStatuses.kubernetes.talos.dev."""

from __future__ import annotations

from talos.state.spec import Spec, resource


@resource(
    type="SecretStatuses.kubernetes.talos.dev",
    namespace="controlplane",
    display="SecretStatus",
    aliases=("secretstatus", "ss"),
    all_aliases=("secretstatuses", "secretstatuses.kubernetes", "secretstatuses.kubernetes.talos"),
    columns=(("Ready", "{.ready}"), ("Secrets Version", "{.version}")),
    proto="talos.resource.definitions.k8s.SecretsStatusSpec",
)
class SecretsStatusSpec(Spec):
    """Spec of SecretStatuses.kubernetes.talos.dev."""

    ready: bool = False
    version: str = ""
