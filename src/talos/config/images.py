"""Default image references.

The names are the ones people know from Talos and upstream Kubernetes, so that configurations can be exchanged; the
versions are the ones our image carries, and those references are served from the image itself.
"""

from __future__ import annotations

from talos import versions

# The schematic without extensions.
_SCHEMATIC = "376567988ad370138ad8b2698212367b8edcb69b5fd68c80be1f2ec7d603b4ba"
INSTALLER = f"factory.talos.dev/metal-installer/{_SCHEMATIC}:{versions.TALOS_VERSION}"
KUBELET = "ghcr.io/siderolabs/kubelet"
KUBE_APISERVER = "registry.k8s.io/kube-apiserver"
KUBE_CONTROLLER_MANAGER = "registry.k8s.io/kube-controller-manager"
KUBE_SCHEDULER = "registry.k8s.io/kube-scheduler"
KUBE_PROXY = "registry.k8s.io/kube-proxy"

ETCD = f"registry.k8s.io/etcd:{versions.ETCD_VERSION}"
COREDNS = f"registry.k8s.io/coredns/coredns:{versions.COREDNS_VERSION}"
FLANNEL = f"ghcr.io/siderolabs/flannel:{versions.FLANNEL_VERSION}"
PAUSE = f"registry.k8s.io/pause:{versions.PAUSE_VERSION}"


def kubernetes(name: str, version: str = versions.DEFAULT_KUBERNETES_VERSION) -> str:
    """Reference of a Kubernetes component, e.g. ``kubernetes(KUBE_PROXY)``; version with or without a leading v."""
    return f"{name}:v{version.removeprefix('v')}"


CARRIED = frozenset(
    {ETCD, COREDNS, FLANNEL, PAUSE}
    | {kubernetes(name) for name in (KUBELET, KUBE_APISERVER, KUBE_CONTROLLER_MANAGER, KUBE_SCHEDULER, KUBE_PROXY)}
)
"""references that a node has from its own image, without any registry"""
