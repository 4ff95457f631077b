"""KubernetesSecret: resource type KubernetesSecrets.secrets.talos.dev."""

from __future__ import annotations

from talos.state.spec import Spec, resource


@resource(
    type="KubernetesSecrets.secrets.talos.dev",
    namespace="secrets",
    display="KubernetesSecret",
    aliases=("kubernetessecret", "ks"),
    all_aliases=("kubernetessecrets", "kubernetessecrets.secrets", "kubernetessecrets.secrets.talos"),
    proto="talos.resource.definitions.secrets.KubernetesCertsSpec",
    sensitive=True,
)
class KubernetesCertsSpec(Spec):
    """Spec of KubernetesSecrets.secrets.talos.dev."""

    scheduler_kubeconfig: str = ""
    controller_manager_kubeconfig: str = ""
    localhost_admin_kubeconfig: str = ""
    admin_kubeconfig: str = ""
