"""AuditPolicyConfig: resource type AuditPolicyConfigs.kubernetes.talos.dev."""

from __future__ import annotations

from typing import Any

from talos.state.spec import Spec, resource


@resource(
    type="AuditPolicyConfigs.kubernetes.talos.dev",
    namespace="controlplane",
    display="AuditPolicyConfig",
    aliases=("auditpolicyconfig", "apc", "apcs"),
    all_aliases=("auditpolicyconfigs", "auditpolicyconfigs.kubernetes", "auditpolicyconfigs.kubernetes.talos"),
    proto="talos.resource.definitions.k8s.AuditPolicyConfigSpec",
    sensitive=True,
)
class AuditPolicyConfigSpec(Spec):
    """Spec of AuditPolicyConfigs.kubernetes.talos.dev."""

    config: dict[str, Any] = {}
