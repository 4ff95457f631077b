"""Resource types of the domain kubeaccess."""

from __future__ import annotations

from talos.resources.kubeaccess.kubernetes_access_config import ConfigSpec

__all__ = [
    "ConfigSpec",
]
