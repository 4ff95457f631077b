"""Resource types of the domain access: ours, group access.pytalos.dev."""

from __future__ import annotations

from talos.resources.access.access_policy import AccessPolicySpec, GrantPart

__all__ = ["AccessPolicySpec", "GrantPart"]
