"""Resource types of the domain audit: ours, group audit.pytalos.dev."""

from __future__ import annotations

from talos.resources.audit.audit_head import AuditHeadSpec

__all__ = ["AuditHeadSpec"]
