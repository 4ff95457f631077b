"""Enumerations of the domain kubespan: number on the proto wire, text in YAML."""

from __future__ import annotations

from talos.state.enums import WireEnum


class PeerState(WireEnum):
    """Enumeration KubespanPeerState of the wire contract."""

    UNKNOWN = 0, "unknown"
    UP = 1, "up"
    DOWN = 2, "down"
