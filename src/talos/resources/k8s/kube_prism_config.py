"""KubePrismConfig: resource type KubePrismConfigs.kubernetes.talos.dev."""

from __future__ import annotations

from talos.resources.k8s.kube_prism_endpoint import KubePrismEndpoint
from talos.state.spec import Spec, resource


@resource(
    type="KubePrismConfigs.kubernetes.talos.dev",
    namespace="k8s",
    display="KubePrismConfig",
    aliases=("kubeprismconfig", "kpc", "kpcs"),
    all_aliases=("kubeprismconfigs", "kubeprismconfigs.kubernetes", "kubeprismconfigs.kubernetes.talos"),
    columns=(("Host", "{.host}"), ("Port", "{.port}"), ("Endpoints", "{.endpoints}")),
    proto="talos.resource.definitions.k8s.KubePrismConfigSpec",
)
class KubePrismConfigSpec(Spec):
    """Spec of KubePrismConfigs.kubernetes.talos.dev."""

    host: str = ""
    port: int = 0
    endpoints: list[KubePrismEndpoint] = []
