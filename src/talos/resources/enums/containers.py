"""Enumerations of the domain containers: number on the proto wire, text in YAML."""

from __future__ import annotations

from talos.state.enums import WireEnum


class ContainerImagePhase(WireEnum):
    """Enumeration ContainersContainerImagePhase of the wire contract."""

    PENDING = 0, "pending"
    PULLING = 1, "pulling"
    READY = 2, "ready"
    FAILED = 3, "failed"
