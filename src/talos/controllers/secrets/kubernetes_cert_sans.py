"""Names in the certificate of this node's Kubernetes API server."""

from __future__ import annotations

from talos.controllers.secrets.cert_sans import CertSANsController, kubernetes_sans, sans_inputs
from talos.resources.network import HostnameStatusSpec, NodeAddressSpec
from talos.resources.secrets import CertSANSpec, KubernetesRootSpec
from talos.state import Input


class KubernetesCertSANsController(CertSANsController):
    """KubernetesRootSecret, HostnameStatus, NodeAddress -> CertSAN "k8s"."""

    name = "secrets.KubernetesCertSANsController"
    id = "k8s"
    root = Input(KubernetesRootSpec, id="k8s")
    inputs = sans_inputs(root)

    def render(self, root: KubernetesRootSpec, hostname: HostnameStatusSpec, addresses: NodeAddressSpec) -> CertSANSpec:
        return kubernetes_sans(root, hostname, addresses)
