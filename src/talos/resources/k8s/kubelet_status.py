"""KubeletStatus: resource type KubeletStatuses.kubernetes.talos.dev."""

from __future__ import annotations

from talos.state.spec import Spec, resource


@resource(
    type="KubeletStatuses.kubernetes.talos.dev",
    namespace="k8s",
    display="KubeletStatus",
    aliases=("kubeletstatus", "ks"),
    all_aliases=("kubeletstatuses", "kubeletstatuses.kubernetes", "kubeletstatuses.kubernetes.talos"),
    columns=(("Image", "{.image}"),),
    proto="talos.resource.definitions.k8s.KubeletStatusSpec",
)
class KubeletStatusSpec(Spec):
    """Spec of KubeletStatuses.kubernetes.talos.dev."""

    image: str = ""
