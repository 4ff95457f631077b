"""Answers about a configuration that hide which document layout it was written in.

Since v1.14 nearly every setting lives in a document of its own; before, the same settings stood in ``machine.*`` and
``cluster.*`` of the v1alpha1 document, and those are still decoded. Controllers ask the views only:

=====================  =============================================================================================
``cfg.machine``        type, token, CAs, SANs, sysctls, modules, environment, files, install, features
``cfg.cluster``        name, endpoint, id, secret, bootstrap token, subnets, CNI, discovery, manifests, etcd
``cfg.kubernetes``     CAs, service account, API server, controller manager, scheduler, proxy, CoreDNS, admission, …
``cfg.kubelet``        kubelet, node labels, annotations, taints, node IP, static pods
``cfg.network``        hostname, links, DHCP, virtual IPs, resolvers, hosts, time, KubePrism is in ``cfg.cluster``
``cfg.registries``     mirrors, credentials, TLS
``cfg.access``         grants, revoked certificates, destinations of the audit log
=====================  =============================================================================================

A document wins over the legacy key of the same meaning. Where neither stands, the answer is the default of the layout:
a configuration whose v1alpha1 document has ``cluster.controlPlane`` is a legacy one and gets the legacy defaults
(kube-proxy and CoreDNS run, flannel is the CNI, …); otherwise what has no document is not there (None).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from talos.config.view.access import AccessView
    from talos.config.view.cluster import ClusterView
    from talos.config.view.kubelet import KubeletView
    from talos.config.view.kubernetes import KubernetesView
    from talos.config.view.machine import MachineView
    from talos.config.view.network import NetworkView
    from talos.config.view.registries import RegistriesView

__all__ = ["AccessView", "ClusterView", "KubeletView", "KubernetesView", "MachineView", "NetworkView", "RegistriesView"]


def __getattr__(name: str) -> Any:
    """A view imports every document kind that it answers from: only the views in use."""
    if name not in __all__:
        raise AttributeError(name)
    from importlib import import_module

    return getattr(import_module(f"talos.config.view.{name.removesuffix('View').lower()}"), name)
