"""EtcdRootSecret: resource type EtcdRootSecrets.secrets.talos.dev."""

from __future__ import annotations

import msgspec

from talos.resources.pem import CertificateAndKey
from talos.state.spec import Spec, resource


@resource(
    type="EtcdRootSecrets.secrets.talos.dev",
    namespace="secrets",
    display="EtcdRootSecret",
    aliases=("etcdrootsecret", "ers"),
    all_aliases=("etcdrootsecrets", "etcdrootsecrets.secrets", "etcdrootsecrets.secrets.talos"),
    proto="talos.resource.definitions.secrets.EtcdRootSpec",
    sensitive=True,
)
class EtcdRootSpec(Spec):
    """Spec of EtcdRootSecrets.secrets.talos.dev."""

    etcd_ca: CertificateAndKey = msgspec.field(default_factory=CertificateAndKey, name="etcdCA")
