"""TrustdCertificate: resource type TrustdCertificates.secrets.talos.dev."""

from __future__ import annotations

import msgspec

from talos.resources.pem import Certificate, CertificateAndKey
from talos.state.spec import Spec, resource


@resource(
    type="TrustdCertificates.secrets.talos.dev",
    namespace="secrets",
    display="TrustdCertificate",
    aliases=("trustdcertificate", "tc", "tcs"),
    all_aliases=("trustdcertificates", "trustdcertificates.secrets", "trustdcertificates.secrets.talos"),
    proto="talos.resource.definitions.secrets.TrustdCertsSpec",
    sensitive=True,
)
class TrustdCertsSpec(Spec):
    """Spec of TrustdCertificates.secrets.talos.dev."""

    accepted_cas: list[Certificate] = msgspec.field(default_factory=list, name="acceptedCAs")
    server: CertificateAndKey = msgspec.field(default_factory=CertificateAndKey)
