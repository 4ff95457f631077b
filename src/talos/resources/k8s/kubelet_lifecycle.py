"""KubeletLifecycle: resource type KubeletLifecycles.kubernetes.talos.dev."""

from __future__ import annotations

from talos.state.spec import Spec, resource


@resource(
    type="KubeletLifecycles.kubernetes.talos.dev",
    namespace="k8s",
    display="KubeletLifecycle",
    aliases=("kubeletlifecycle", "kl", "kls"),
    all_aliases=("kubeletlifecycles", "kubeletlifecycles.kubernetes", "kubeletlifecycles.kubernetes.talos"),
)
class KubeletLifecycleSpec(Spec):
    """Spec of KubeletLifecycles.kubernetes.talos.dev."""
