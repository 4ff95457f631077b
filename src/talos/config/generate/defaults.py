"""Defaults that both layouts share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from talos.config.secrets import Bundle

KUBE_PRISM_PORT = 7445
LABEL_CONTROL_PLANE = "node-role.kubernetes.io/control-plane"
LABEL_EXCLUDE_FROM_EXTERNAL_LB = "node.kubernetes.io/exclude-from-external-load-balancers"
CONTROL_PLANE_LABELS = {LABEL_CONTROL_PLANE: "", LABEL_EXCLUDE_FROM_EXTERNAL_LB: ""}
CONTROL_PLANE_TAINTS = {LABEL_CONTROL_PLANE: "NoSchedule"}


def pod_security() -> dict[str, Any]:
    """Pod Security admission: baseline enforced, restricted warned about."""
    return {
        "apiVersion": "pod-security.admission.config.k8s.io/v1alpha1",
        "kind": "PodSecurityConfiguration",
        "defaults": {
            "audit": "restricted",
            "audit-version": "latest",
            "enforce": "baseline",
            "enforce-version": "latest",
            "warn": "restricted",
            "warn-version": "latest",
        },
        "exemptions": {"namespaces": ["kube-system"], "runtimeClasses": [], "usernames": []},
    }


def audit_policy() -> dict[str, Any]:
    """Who did what, without bodies."""
    return {"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "rules": [{"level": "Metadata"}]}


def authentication() -> dict[str, Any]:
    """Anonymous requests reach the health endpoints only."""
    paths = ("/livez", "/readyz", "/healthz")
    return {"anonymous": {"enabled": True, "conditions": [{"path": p} for p in paths]}, "jwt": []}


def etcd_encryption(bundle: Bundle) -> dict[str, Any]:
    """Secrets are encrypted in etcd; the name of a key tells which of the bundle's it is."""
    providers: list[dict[str, Any]] = []
    if bundle.secrets.secretboxencryptionsecret:
        keys = [{"name": "key2", "secret": bundle.secrets.secretboxencryptionsecret}]
        providers.append({"secretbox": {"keys": keys}})
    if bundle.secrets.aescbcencryptionsecret:
        keys = [{"name": "key1", "secret": bundle.secrets.aescbcencryptionsecret}]
        providers.append({"aescbc": {"keys": keys}})
    return {"resources": [{"resources": ["secrets"], "providers": providers}]}
