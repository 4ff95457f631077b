"""Kubernetes' authorities and keys, from the configuration of a control plane node."""

from __future__ import annotations

from talos.config import Config
from talos.controllers.secrets.pem import certificates
from talos.controllers.transform import ConfigTransform
from talos.pki import keys
from talos.resources.pem import CertificateAndKey, Key
from talos.resources.secrets import KubernetesRootSpec
from talos.state import Output


class RootKubernetesController(ConfigTransform):
    """MachineConfig -> KubernetesRootSecret "k8s"."""

    name = "secrets.RootKubernetesController"
    outputs = (Output(KubernetesRootSpec),)
    kind = KubernetesRootSpec
    id = "k8s"

    def render(self, config: Config) -> KubernetesRootSpec | None:
        kubernetes, cluster = config.kubernetes, config.cluster
        authority, aggregator, account = kubernetes.ca, kubernetes.aggregator_ca, kubernetes.service_account
        api_server = kubernetes.api_server
        if not config.machine.is_control_plane or authority.issuing is None or account is None or api_server is None:
            return None
        return KubernetesRootSpec(
            name=cluster.name,
            endpoint=cluster.endpoint,
            local_endpoint=local_endpoint(config),
            cert_sans=[*api_server.cert_sans, *(vip.address for vip in config.network.virtual_ips)],
            api_server_ips=list(cluster.api_server_service_ips),
            dns_domain=cluster.dns_domain,
            issuing_ca=CertificateAndKey(crt=authority.issuing.crt.decode(), key=authority.issuing.key.decode()),
            accepted_cas=certificates([authority.issuing.crt, *authority.accepted]),
            aggregator_ca=CertificateAndKey(crt=aggregator.issuing.crt.decode(), key=aggregator.issuing.key.decode())
            if aggregator.issuing
            else CertificateAndKey(),
            accepted_aggregator_cas=certificates(
                [aggregator.issuing.crt if aggregator.issuing else b"", *aggregator.accepted]
            ),
            service_account=Key(key=account.private_key.decode()),
            service_account_accepted_keys=[
                Key(key=key.decode())
                for key in dict.fromkeys([keys.public_of(account.private_key), *account.accepted_public_keys])
            ],
            issuer_url=account.issuer_url,
            accepted_issuers=list(account.accepted_issuers),
            api_audiences=list(account.audiences) or [account.issuer_url],
            bootstrap_token_id=cluster.bootstrap_token_id,
            bootstrap_token_secret=cluster.bootstrap_token_secret,
            etcd_encryption_config=kubernetes.etcd_encryption or {},
        )


def local_endpoint(config: Config) -> str:
    """Where this node reaches the Kubernetes API: its own load balancer, its own API server, or the endpoint."""
    prism = config.cluster.kube_prism
    if prism.enabled:
        return f"https://127.0.0.1:{prism.port}"
    if config.machine.is_control_plane and config.kubernetes.api_server:
        return f"https://localhost:{config.kubernetes.api_server.port}"
    return config.cluster.endpoint
