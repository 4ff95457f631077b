"""EtcdSecret: resource type EtcdSecrets.secrets.talos.dev."""

from __future__ import annotations

import msgspec

from talos.resources.pem import CertificateAndKey
from talos.state.spec import Spec, resource


@resource(
    type="EtcdSecrets.secrets.talos.dev",
    namespace="secrets",
    display="EtcdSecret",
    aliases=("etcdsecret", "es"),
    all_aliases=("etcdsecrets", "etcdsecrets.secrets", "etcdsecrets.secrets.talos"),
    proto="talos.resource.definitions.secrets.EtcdCertsSpec",
    sensitive=True,
)
class EtcdCertsSpec(Spec):
    """Spec of EtcdSecrets.secrets.talos.dev."""

    etcd: CertificateAndKey = msgspec.field(default_factory=CertificateAndKey)
    etcd_peer: CertificateAndKey = msgspec.field(default_factory=CertificateAndKey)
    etcd_admin: CertificateAndKey = msgspec.field(default_factory=CertificateAndKey)
    etcd_api_server: CertificateAndKey = msgspec.field(default_factory=CertificateAndKey, name="etcdAPIServer")
