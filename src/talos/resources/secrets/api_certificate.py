"""ApiCertificate: resource type ApiCertificates.secrets.talos.dev."""

from __future__ import annotations

import msgspec

from talos.resources.pem import Certificate, CertificateAndKey
from talos.state.spec import Spec, resource


@resource(
    type="ApiCertificates.secrets.talos.dev",
    namespace="secrets",
    display="ApiCertificate",
    aliases=("apicertificate", "ac", "acs"),
    all_aliases=("apicertificates", "apicertificates.secrets", "apicertificates.secrets.talos"),
    proto="talos.resource.definitions.secrets.APICertsSpec",
    sensitive=True,
)
class APICertsSpec(Spec):
    """Spec of ApiCertificates.secrets.talos.dev."""

    accepted_cas: list[Certificate] = msgspec.field(default_factory=list, name="acceptedCAs")
    client: CertificateAndKey = msgspec.field(default_factory=CertificateAndKey)
    server: CertificateAndKey = msgspec.field(default_factory=CertificateAndKey)
    skip_verifying_client_cert: bool = False
