"""Enumerations of the domain machine: number on the proto wire, text in YAML."""

from __future__ import annotations

from talos.state.enums import WireEnum


class MachineType(WireEnum):
    """Enumeration MachineType of the wire contract."""

    UNKNOWN = 0, "unknown"
    INIT = 1, "init"
    CONTROL_PLANE = 2, "controlplane"
    WORKER = 3, "worker"

    @property
    def is_control_plane(self) -> bool:
        """Also of the old type ``init``."""
        return self in (MachineType.INIT, MachineType.CONTROL_PLANE)
