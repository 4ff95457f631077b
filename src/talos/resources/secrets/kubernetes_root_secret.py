"""KubernetesRootSecret: resource type KubernetesRootSecrets.secrets.talos.dev."""

from __future__ import annotations

from typing import Any

import msgspec

from talos.resources.pem import Certificate, CertificateAndKey, Key
from talos.state.spec import Spec, resource


@resource(
    type="KubernetesRootSecrets.secrets.talos.dev",
    namespace="secrets",
    display="KubernetesRootSecret",
    aliases=("kubernetesrootsecret", "krs"),
    all_aliases=("kubernetesrootsecrets", "kubernetesrootsecrets.secrets", "kubernetesrootsecrets.secrets.talos"),
    proto="talos.resource.definitions.secrets.KubernetesRootSpec",
    sensitive=True,
    forms={"endpoint": "url", "local_endpoint": "url"},
)
class KubernetesRootSpec(Spec):
    """Spec of KubernetesRootSecrets.secrets.talos.dev."""

    name: str = ""
    endpoint: str = ""
    local_endpoint: str = msgspec.field(default="", name="local_endpoint")
    cert_sans: list[str] = msgspec.field(default_factory=list, name="certSANs")
    api_server_ips: list[str] = msgspec.field(default_factory=list, name="apiServerIPs")
    dns_domain: str = ""
    issuing_ca: CertificateAndKey = msgspec.field(default_factory=CertificateAndKey, name="issuingCA")
    accepted_cas: list[Certificate] = msgspec.field(default_factory=list, name="acceptedCAs")
    aggregator_ca: CertificateAndKey = msgspec.field(default_factory=CertificateAndKey, name="aggregatorCA")
    accepted_aggregator_cas: list[Certificate] = msgspec.field(default_factory=list, name="acceptedAggregatorCAs")
    service_account: Key = msgspec.field(default_factory=Key)
    service_account_accepted_keys: list[Key] = []
    issuer_url: str = msgspec.field(default="", name="issuerURL")
    accepted_issuers: list[str] = []
    api_audiences: list[str] = []
    aes_cbc_encryption_secret: str = msgspec.field(default="", name="aesCBCEncryptionSecret")
    bootstrap_token_id: str = msgspec.field(default="", name="bootstrapTokenID")
    bootstrap_token_secret: str = ""
    secretbox_encryption_secret: str = ""
    etcd_encryption_config: dict[str, Any] = {}
