"""All manifests of a new cluster by id."""

from __future__ import annotations

from talos.kubernetes.manifests import join
from talos.kubernetes.manifests.core_dns import core_dns, core_dns_service
from talos.kubernetes.manifests.flannel import flannel
from talos.kubernetes.manifests.objects import Object, metadata
from talos.kubernetes.manifests.proxy import kube_proxy
from talos.kubernetes.manifests.settings import Settings


def render(settings: Settings) -> dict[str, list[Object]]:
    """Manifest id -> its objects, sorted by id."""
    manifests = {
        "00-kubelet-bootstrapping-token": join.bootstrap_token(settings),
        "01-csr-approver-role-binding": join.approver_binding(),
        "01-csr-node-bootstrap": join.bootstrapper_binding(),
        "01-csr-renewal-role-binding": join.renewal_binding(),
        "11-kube-config-in-cluster": join.in_cluster_kubeconfig(settings),
        "11-talos-node-rbac-template": join.node_roles(),
    }
    if settings.flannel:
        manifests["05-flannel"] = flannel(settings.flannel, settings.pod_cidrs)
    if settings.proxy:
        manifests["10-kube-proxy"] = kube_proxy(settings.proxy)
    if settings.core_dns:
        manifests["11-core-dns"] = core_dns(settings.core_dns, settings.cluster_domain)
        manifests["11-core-dns-svc"] = core_dns_service(settings.core_dns.service_ips)
    if settings.talos_api_service:
        manifests["12-talos-api-service"] = [_talos_api_service()]
    return dict(sorted(manifests.items()))


def _talos_api_service() -> Object:
    """The Service of the node API; its endpoints are written by the node (kubeaccess), hence no selector."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata("talos", "default", labels={"component": "apid", "provider": "talos"}),
        "spec": {"ports": [{"name": "apid", "port": 50000, "protocol": "TCP", "targetPort": 50000}]},
    }
