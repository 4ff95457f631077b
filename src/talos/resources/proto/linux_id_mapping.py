"""Linux id mapping, shared by several resource types."""

from __future__ import annotations

from talos.state.spec import Part


class LinuxIDMapping(Part):
    """Message LinuxIDMapping of the wire contract."""

    containerid: int = 0
    hostid: int = 0
    size: int = 0
