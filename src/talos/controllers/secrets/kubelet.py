"""What the kubelet needs to join: the API server's address, whom to trust, the bootstrap token."""

from __future__ import annotations

from urllib.parse import urlsplit

from talos.config import Config
from talos.controllers.secrets.pem import certificates
from talos.controllers.secrets.root_kubernetes import local_endpoint
from talos.controllers.transform import ConfigTransform
from talos.resources.secrets import KubeletSpec
from talos.state import Output


class KubeletController(ConfigTransform):
    """MachineConfig -> KubeletSecret "kubelet"."""

    name = "secrets.KubeletController"
    outputs = (Output(KubeletSpec),)
    kind = KubeletSpec
    id = "kubelet"

    def render(self, config: Config) -> KubeletSpec | None:
        authority = config.kubernetes.ca
        if config.kubelet.spec is None or not config.cluster.endpoint:
            return None
        endpoint = local_endpoint(config)
        server_name = config.cluster.kube_prism.tls_server_name if config.cluster.kube_prism.enabled else ""
        return KubeletSpec(
            endpoint=endpoint,
            endpoint_tls_server_name=server_name if urlsplit(endpoint).hostname == "127.0.0.1" else "",
            accepted_cas=certificates([authority.issuing.crt if authority.issuing else b"", *authority.accepted]),
            bootstrap_token_id=config.cluster.bootstrap_token_id,
            bootstrap_token_secret=config.cluster.bootstrap_token_secret,
        )
