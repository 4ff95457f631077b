"""KubernetesDynamicCert: resource type KubernetesDynamicCerts.secrets.talos.dev."""

from __future__ import annotations

import msgspec

from talos.resources.pem import CertificateAndKey
from talos.state.spec import Spec, resource


@resource(
    type="KubernetesDynamicCerts.secrets.talos.dev",
    namespace="secrets",
    display="KubernetesDynamicCert",
    aliases=("kubernetesdynamiccert", "kdc", "kdcs"),
    all_aliases=("kubernetesdynamiccerts", "kubernetesdynamiccerts.secrets", "kubernetesdynamiccerts.secrets.talos"),
    proto="talos.resource.definitions.secrets.KubernetesDynamicCertsSpec",
    sensitive=True,
)
class KubernetesDynamicCertsSpec(Spec):
    """Spec of KubernetesDynamicCerts.secrets.talos.dev."""

    api_server: CertificateAndKey = msgspec.field(default_factory=CertificateAndKey)
    api_server_kubelet_client: CertificateAndKey = msgspec.field(default_factory=CertificateAndKey)
    front_proxy: CertificateAndKey = msgspec.field(default_factory=CertificateAndKey)
