"""Flags and fields of Kubernetes' programs and etcd that the node itself decides: identity, trust, membership, files.

A configuration that sets one is refused. Applied, it would change nothing now, and the program would not start at the
next boot.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from talos.config.config import Config

FLAGS: dict[str, tuple[str, ...]] = {
    "kube-apiserver": (
        "etcd-servers",
        "client-ca-file",
        "requestheader-client-ca-file",
        "proxy-client-cert-file",
        "proxy-client-key-file",
        "encryption-provider-config",
        "etcd-cafile",
        "etcd-certfile",
        "etcd-keyfile",
        "kubelet-client-certificate",
        "kubelet-client-key",
        "service-account-key-file",
        "service-account-signing-key-file",
        "tls-cert-file",
        "tls-min-version",
        "tls-private-key-file",
        "authorization-config",
    ),
    "kube-controller-manager": (
        "cluster-signing-cert-file",
        "cluster-signing-key-file",
        "authentication-kubeconfig",
        "authorization-kubeconfig",
        "root-ca-file",
        "service-account-private-key-file",
    ),
    "kube-scheduler": ("config", "authentication-kubeconfig", "authorization-kubeconfig"),
    "kube-proxy": ("config", "kubeconfig"),
    "kubelet": (
        "bootstrap-kubeconfig",
        "kubeconfig",
        "container-runtime",
        "container-runtime-endpoint",
        "config",
        "cert-dir",
    ),
    # as in talos.etcd.arguments, which knows nothing of configurations
    "etcd": (
        "name",
        "data-dir",
        "initial-cluster",
        "initial-cluster-state",
        "auto-tls",
        "peer-auto-tls",
        "client-cert-auth",
        "peer-client-cert-auth",
        "cert-file",
        "key-file",
        "trusted-ca-file",
        "peer-cert-file",
        "peer-key-file",
        "peer-trusted-ca-file",
        "listen-client-http-urls",
    ),
}
KUBELET_FIELDS = frozenset((
    "apiVersion", "authentication", "authorization", "cgroupRoot", "kind", "kubeletCgroups", "port",
    "protectKernelDefaults", "resolvConf", "rotateCertificates", "systemCgroups", "staticPodPath", "seccompDefault",
))  # fmt: skip
"""of KubeletConfiguration"""


def node_owned(config: Config) -> Iterator[str]:
    """A sentence for each program whose configuration sets what the node decides."""
    kubernetes = config.kubernetes
    settings = {
        "kube-apiserver": kubernetes.api_server,
        "kube-controller-manager": kubernetes.controller_manager,
        "kube-scheduler": kubernetes.scheduler,
        "kube-proxy": kubernetes.proxy,
        "kubelet": config.kubelet.spec,
        "etcd": config.cluster.etcd,
    }
    for program, part in settings.items():
        yield from _said(f"extraArgs of {program}", part.extra_args if part else (), FLAGS[program])
    kubelet = config.kubelet.spec
    yield from _said("config of kubelet", kubelet.extra_config if kubelet else (), KUBELET_FIELDS)


def _said(where: str, given: Iterable[str], owned: Iterable[str]) -> Iterator[str]:
    if found := sorted(set(given).intersection(owned)):
        yield f"{where} may not set {', '.join(found)}: the node decides it; remove it"
