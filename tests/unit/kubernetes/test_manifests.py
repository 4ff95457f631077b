"""The bootstrap manifests against those of a genuine node."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
import yaml

from talos.kubernetes.kubeconfig import dump
from talos.kubernetes.manifests import Settings, render
from talos.kubernetes.manifests.settings import CoreDNS, Flannel, Proxy

GOLDEN: dict[str, Any] = yaml.safe_load((Path(__file__).parent / "golden/manifests.yaml").read_text())

PROXY_CONFIG = {
    "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
    "clientConnection": {"kubeconfig": "/etc/kubernetes/kubeconfig"},
    "clusterCIDR": "10.244.0.0/16",
    "conntrack": {"maxPerCore": 0},
    "kind": "KubeProxyConfiguration",
    "mode": "nftables",
}


def settings() -> Settings:
    return Settings(
        server="https://127.0.0.1:7445",
        cluster_domain="cluster.local",
        pod_cidrs=["10.244.0.0/16"],
        token_id="m6kkw0",
        token_secret="0123456789abcdef",
        proxy=Proxy(
            image="registry.k8s.io/kube-proxy:v1.36.3",
            args=["--config=/var/lib/kube-proxy/config.conf", "--hostname-override=$(NODE_NAME)"],
            config=PROXY_CONFIG,
            checksum=hashlib.sha256(dump(PROXY_CONFIG).encode()).hexdigest(),
        ),
        flannel=Flannel(image="ghcr.io/siderolabs/flannel:0.28.9", service_host="127.0.0.1", service_port="7445"),
        core_dns=CoreDNS(image="registry.k8s.io/coredns/coredns:v1.14.7", service_ips=["10.96.0.10"]),
    )


@pytest.mark.parametrize("manifest", sorted(GOLDEN))
def test_manifest_is_the_genuine_one(manifest: str) -> None:
    rendered = render(settings())[manifest]
    if manifest == "11-talos-node-rbac-template":
        # Ours adds one rule: the members of the cluster are read from the Node objects (see join.node_roles).
        assert rendered[1]["rules"].pop()["resources"] == ["nodes"]
    assert rendered == GOLDEN[manifest]


def test_manifests_are_those_of_the_genuine_node_in_order() -> None:
    assert list(render(settings())) == sorted(GOLDEN)
