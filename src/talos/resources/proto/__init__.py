"""Resource types of the domain proto."""

from __future__ import annotations

from talos.resources.proto.linux_id_mapping import LinuxIDMapping
from talos.resources.proto.mount import Mount

__all__ = [
    "LinuxIDMapping",
    "Mount",
]
