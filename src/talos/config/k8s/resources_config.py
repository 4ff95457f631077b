"""Resource requests and limits, shared by the control plane components."""

from __future__ import annotations

from msgspec import field

from talos.config.document import Part
from talos.config.forms import Unstructured


class ResourcesConfig(Part, kw_only=True):
    """``resources``."""

    requests: Unstructured = field(default_factory=dict)
    limits: Unstructured = field(default_factory=dict)
