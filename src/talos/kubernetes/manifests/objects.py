"""Builders of the small objects that several manifests have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Object = dict[str, Any]

RBAC = "rbac.authorization.k8s.io"
SYSTEM = "kube-system"
BOOTSTRAP_ROLE = {
    "annotations": {"rbac.authorization.kubernetes.io/autoupdate": "true"},
    "labels": {"kubernetes.io/bootstrapping": "rbac-defaults"},
}
LINUX = {"key": "kubernetes.io/os", "operator": "In", "values": ["linux"]}
ARCHITECTURES = {"key": "kubernetes.io/arch", "operator": "In", "values": ["amd64", "arm64"]}
TOLERATE_ALL = [{"effect": "NoSchedule", "operator": "Exists"}, {"effect": "NoExecute", "operator": "Exists"}]


def metadata(name: str, namespace: str = "", **more: Any) -> dict[str, Any]:
    """Metadata; ``more`` may hold labels and annotations."""
    return {**more, "name": name, **({"namespace": namespace} if namespace else {})}


def cluster_role(name: str, rules: Sequence[Mapping[str, Any]], **more: Any) -> Object:
    """ClusterRole."""
    return {
        "apiVersion": f"{RBAC}/v1",
        "kind": "ClusterRole",
        "metadata": metadata(name, **more),
        "rules": list(rules),
    }


def cluster_role_binding(name: str, role: str, subjects: Sequence[Mapping[str, Any]], **more: Any) -> Object:
    """ClusterRoleBinding of a ClusterRole."""
    return {
        "apiVersion": f"{RBAC}/v1",
        "kind": "ClusterRoleBinding",
        "metadata": metadata(name, **more),
        "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": role},
        "subjects": list(subjects),
    }


def group(name: str) -> dict[str, str]:
    """Subject: a group of users."""
    return {"apiGroup": RBAC, "kind": "Group", "name": name}


def service_account_subject(name: str) -> dict[str, str]:
    """Subject: a service account of kube-system."""
    return {"kind": "ServiceAccount", "name": name, "namespace": SYSTEM}


def service_account(name: str, **more: Any) -> Object:
    """ServiceAccount in kube-system."""
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata(name, SYSTEM, **more)}


def config_map(name: str, data: Mapping[str, str], **more: Any) -> Object:
    """ConfigMap in kube-system."""
    return {"apiVersion": "v1", "kind": "ConfigMap", "data": dict(data), "metadata": metadata(name, SYSTEM, **more)}


def rule(groups: Sequence[str], resources: Sequence[str], verbs: Sequence[str]) -> dict[str, Any]:
    """A rule of a role."""
    return {"apiGroups": list(groups), "resources": list(resources), "verbs": list(verbs)}


def node_affinity(*expressions: Mapping[str, Any]) -> dict[str, Any]:
    """Nodes that match all expressions."""
    terms = {"nodeSelectorTerms": [{"matchExpressions": [dict(e) for e in expressions]}]}
    return {"requiredDuringSchedulingIgnoredDuringExecution": terms}


def field_env(name: str, path: str) -> dict[str, Any]:
    """An environment variable from a field of the pod."""
    return {"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}}


def host_path(name: str, path: str) -> dict[str, Any]:
    """Volume: a directory of the node."""
    return {"name": name, "hostPath": {"path": path}}


def config_map_volume(name: str, config_map_name: str) -> dict[str, Any]:
    """Volume: a ConfigMap."""
    return {"name": name, "configMap": {"name": config_map_name}}


def mount(name: str, path: str, *, read_only: bool = False) -> dict[str, Any]:
    """A mount of a volume."""
    return {"mountPath": path, "name": name, **({"readOnly": True} if read_only else {})}
