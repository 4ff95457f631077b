"""KubeletSecret: resource type KubeletSecrets.secrets.talos.dev."""

from __future__ import annotations

import msgspec

from talos.resources.pem import Certificate
from talos.state.spec import Spec, resource


@resource(
    type="KubeletSecrets.secrets.talos.dev",
    namespace="secrets",
    display="KubeletSecret",
    aliases=("kubeletsecret", "ks"),
    all_aliases=("kubeletsecrets", "kubeletsecrets.secrets", "kubeletsecrets.secrets.talos"),
    proto="talos.resource.definitions.secrets.KubeletSpec",
    sensitive=True,
    omit_empty=("endpoint_tls_server_name",),
    forms={"endpoint": "url"},
)
class KubeletSpec(Spec):
    """Spec of KubeletSecrets.secrets.talos.dev."""

    endpoint: str = ""
    endpoint_tls_server_name: str = msgspec.field(default="", name="endpointTLSServerName")
    accepted_cas: list[Certificate] = msgspec.field(default_factory=list, name="acceptedCAs")
    bootstrap_token_id: str = msgspec.field(default="", name="bootstrapTokenID")
    bootstrap_token_secret: str = ""
