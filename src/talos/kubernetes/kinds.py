"""Kinds and their URL paths.

The built-in kinds that bootstrap manifests use are listed here, so that applying them costs no discovery round trip;
anything else (a custom resource in an extra manifest) is asked from the server's discovery documents.
"""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import quote


class Kind(NamedTuple):
    """A kind as its URL names it; ``api_version`` is ``v1`` or ``group/version``."""

    api_version: str
    kind: str
    plural: str
    namespaced: bool

    @property
    def root(self) -> str:
        """``/api/v1`` or ``/apis/group/version``."""
        return f"/api/{self.api_version}" if "/" not in self.api_version else f"/apis/{self.api_version}"

    def path(self, name: str = "", namespace: str = "", subresource: str = "") -> str:
        """URL path of the collection, of one object, or of its subresource."""
        parts = [self.root]
        if self.namespaced and namespace:
            parts += ["namespaces", quote(namespace, safe="")]
        parts.append(self.plural)
        if name:
            parts.append(quote(name, safe=":"))
        if subresource:
            parts.append(subresource)
        return "/".join(parts)


NODE = Kind("v1", "Node", "nodes", False)
POD = Kind("v1", "Pod", "pods", True)
NAMESPACE = Kind("v1", "Namespace", "namespaces", False)
SECRET = Kind("v1", "Secret", "secrets", True)
CONFIG_MAP = Kind("v1", "ConfigMap", "configmaps", True)
ENDPOINT_SLICE = Kind("discovery.k8s.io/v1", "EndpointSlice", "endpointslices", True)
DAEMON_SET = Kind("apps/v1", "DaemonSet", "daemonsets", True)
DEPLOYMENT = Kind("apps/v1", "Deployment", "deployments", True)
EVICTION = Kind("policy/v1", "Eviction", "evictions", True)
LEASE = Kind("coordination.k8s.io/v1", "Lease", "leases", True)

_BUILT_IN = (
    NODE,
    POD,
    SECRET,
    CONFIG_MAP,
    ENDPOINT_SLICE,
    DAEMON_SET,
    DEPLOYMENT,
    LEASE,
    NAMESPACE,
    Kind("v1", "Service", "services", True),
    Kind("v1", "ServiceAccount", "serviceaccounts", True),
    Kind("apps/v1", "StatefulSet", "statefulsets", True),
    Kind("rbac.authorization.k8s.io/v1", "ClusterRole", "clusterroles", False),
    Kind("rbac.authorization.k8s.io/v1", "ClusterRoleBinding", "clusterrolebindings", False),
    Kind("rbac.authorization.k8s.io/v1", "Role", "roles", True),
    Kind("rbac.authorization.k8s.io/v1", "RoleBinding", "rolebindings", True),
    Kind("apiextensions.k8s.io/v1", "CustomResourceDefinition", "customresourcedefinitions", False),
)
BUILT_IN: dict[tuple[str, str], Kind] = {(k.api_version, k.kind): k for k in _BUILT_IN}
