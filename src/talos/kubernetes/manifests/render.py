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
        manifests["13-talos-service-account-crd"] = [_service_account_crd()]
    return dict(sorted(manifests.items()))


def _service_account_crd() -> Object:
    """ServiceAccounts of the machine API. Their Secrets, and the Service behind which it is, are written by the node
    (kubeaccess)."""
    text = {"type": "string"}
    schema = {
        "type": "object",
        "properties": {
            "spec": {"type": "object", "properties": {"roles": {"type": "array", "items": text}}},
            "status": {"type": "object", "properties": {"failureReason": text}},
        },
    }
    names = {
        "kind": "ServiceAccount",
        "listKind": "ServiceAccountList",
        "plural": "serviceaccounts",
        "singular": "serviceaccount",
        "shortNames": ["tsa"],
    }
    version = {"name": "v1alpha1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": metadata("serviceaccounts.talos.dev"),
        "spec": {"group": "talos.dev", "names": names, "scope": "Namespaced", "versions": [version]},
    }
