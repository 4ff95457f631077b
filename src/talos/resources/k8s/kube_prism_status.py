"""KubePrismStatus: resource type KubePrismStatuses.kubernetes.talos.dev."""

from __future__ import annotations

from talos.state.spec import Spec, resource


@resource(
    type="KubePrismStatuses.kubernetes.talos.dev",
    namespace="k8s",
    display="KubePrismStatus",
    aliases=("kubeprismstatus", "kps"),
    all_aliases=("kubeprismstatuses", "kubeprismstatuses.kubernetes", "kubeprismstatuses.kubernetes.talos"),
    columns=(("HOST", "{.host}"), ("HEALTHY", "{.healthy}")),
    proto="talos.resource.definitions.k8s.KubePrismStatusesSpec",
)
class KubePrismStatusesSpec(Spec):
    """Spec of KubePrismStatuses.kubernetes.talos.dev."""

    host: str = ""
    healthy: bool = False
