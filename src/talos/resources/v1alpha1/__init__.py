"""Resource types of the domain v1alpha1."""

from __future__ import annotations

from talos.resources.v1alpha1.acquire_config_spec import AcquireConfigSpecSpec
from talos.resources.v1alpha1.acquire_config_status import AcquireConfigStatusSpec
from talos.resources.v1alpha1.service import ServiceSpec

__all__ = [
    "AcquireConfigSpecSpec",
    "AcquireConfigStatusSpec",
    "ServiceSpec",
]
