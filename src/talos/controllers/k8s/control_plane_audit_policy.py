"""Audit policy of kube-apiserver, from the configuration."""

from __future__ import annotations

from talos.config import Config
from talos.controllers.transform import ConfigTransform
from talos.resources.k8s import AuditPolicyConfigSpec
from talos.state import Output


class ControlPlaneAuditPolicyController(ConfigTransform):
    """MachineConfig -> AuditPolicyConfig "audit-policy"."""

    name = "k8s.ControlPlaneAuditPolicyController"
    outputs = (Output(AuditPolicyConfigSpec),)
    kind = AuditPolicyConfigSpec
    id = "audit-policy"

    def render(self, config: Config) -> AuditPolicyConfigSpec | None:
        if not config.machine.is_control_plane or config.kubernetes.api_server is None:
            return None
        return AuditPolicyConfigSpec(config=config.kubernetes.audit_policy)
