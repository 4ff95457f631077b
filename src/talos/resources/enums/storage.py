"""Enumerations of the domain storage: number on the proto wire, text in YAML."""

from __future__ import annotations

from talos.state.enums import WireEnum


class LVMLogicalVolumeType(WireEnum):
    """Enumeration StorageLVMLogicalVolumeType of the wire contract."""

    LINEAR = 0, "linear"
    RAID1 = 1, "raid1"
    RAID0 = 2, "raid0"
    RAID10 = 3, "raid10"


class MDArrayPhase(WireEnum):
    """Enumeration StorageMDArrayPhase of the wire contract."""

    UNKNOWN = 0, "unknown"
    WAITING = 1, "waiting"
    REBUILDING = 2, "rebuilding"
    READY = 3, "ready"
    ERROR = 4, "error"


class MDLevel(WireEnum):
    """Enumeration StorageMDLevel of the wire contract."""

    RAID1 = 0, "raid1"


class MDMetadata(WireEnum):
    """Enumeration StorageMDMetadata of the wire contract."""

    V10 = 0, "1.0"
    V12 = 1, "1.2"
