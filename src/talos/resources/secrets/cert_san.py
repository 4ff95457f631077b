"""CertSAN: resource type CertSANs.secrets.talos.dev."""

from __future__ import annotations

from talos.state.spec import Spec, resource


@resource(
    type="CertSANs.secrets.talos.dev",
    namespace="secrets",
    display="CertSAN",
    aliases=("certsan", "csan", "csans"),
    all_aliases=("certsans", "certsans.secrets", "certsans.secrets.talos"),
    proto="talos.resource.definitions.secrets.CertSANSpec",
    sensitive=True,
)
class CertSANSpec(Spec):
    """Spec of CertSANs.secrets.talos.dev."""

    ips: list[str] = []
    dns_names: list[str] = []
    fqdn: str = ""
