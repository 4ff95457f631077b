"""OSRootSecret: resource type OSRootSecrets.secrets.talos.dev."""

from __future__ import annotations

import msgspec

from talos.resources.pem import Certificate, CertificateAndKey
from talos.state.spec import Spec, resource


@resource(
    type="OSRootSecrets.secrets.talos.dev",
    namespace="secrets",
    display="OSRootSecret",
    aliases=("osrootsecret", "osrs"),
    all_aliases=("osrootsecrets", "osrootsecrets.secrets", "osrootsecrets.secrets.talos"),
    proto="talos.resource.definitions.secrets.OSRootSpec",
    sensitive=True,
)
class OSRootSpec(Spec):
    """Spec of OSRootSecrets.secrets.talos.dev."""

    issuing_ca: CertificateAndKey = msgspec.field(default_factory=CertificateAndKey, name="issuingCA")
    accepted_cas: list[Certificate] = msgspec.field(default_factory=list, name="acceptedCAs")
    cert_san_ips: list[str] = msgspec.field(default_factory=list, name="certSANIPs")
    cert_san_dns_names: list[str] = msgspec.field(default_factory=list, name="certSANDNSNames")
    token: str = ""
