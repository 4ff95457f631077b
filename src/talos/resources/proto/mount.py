"""Mount, shared by several resource types."""

from __future__ import annotations

from talos.resources.proto.linux_id_mapping import LinuxIDMapping
from talos.state.spec import Part


class Mount(Part):
    """Message Mount of the wire contract."""

    destination: str = ""
    type: str = ""
    source: str = ""
    options: list[str] = []
    uidmappings: list[LinuxIDMapping] = []
    gidmappings: list[LinuxIDMapping] = []
