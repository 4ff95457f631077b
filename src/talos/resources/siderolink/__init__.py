"""Resource types of the domain siderolink."""

from __future__ import annotations

from talos.resources.siderolink.siderolink_config import ConfigSpec
from talos.resources.siderolink.siderolink_status import StatusSpec
from talos.resources.siderolink.siderolink_tunnel import TunnelSpec

__all__ = [
    "ConfigSpec",
    "StatusSpec",
    "TunnelSpec",
]
