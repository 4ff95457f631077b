"""Extra volume, shared by several resource types."""

from __future__ import annotations

from talos.state.spec import Part


class ExtraVolume(Part):
    """Message ExtraVolume of the wire contract."""

    name: str = ""
    host_path: str = ""
    mount_path: str = ""
    readonly: bool = False
