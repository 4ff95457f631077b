"""KubeletKubeconfig: resource type KubeletKubeconfigs.kubernetes.talos.dev."""

from __future__ import annotations

from talos.state.spec import Spec, resource


@resource(
    type="KubeletKubeconfigs.kubernetes.talos.dev",
    namespace="k8s",
    display="KubeletKubeconfig",
    aliases=("kubeletkubeconfig", "kk", "kks"),
    all_aliases=("kubeletkubeconfigs", "kubeletkubeconfigs.kubernetes", "kubeletkubeconfigs.kubernetes.talos"),
    columns=(("Hash", "{.hash}"),),
    proto="talos.resource.definitions.k8s.KubeletKubeconfigSpec",
)
class KubeletKubeconfigSpec(Spec):
    """Spec of KubeletKubeconfigs.kubernetes.talos.dev."""

    hash: str = ""
