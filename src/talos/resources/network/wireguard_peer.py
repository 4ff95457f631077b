"""Wireguard peer, shared by several resource types."""

from __future__ import annotations

from datetime import timedelta

import msgspec

from talos.state.spec import Part


class WireguardPeer(Part):
    """Message WireguardPeer of the wire contract."""

    public_key: str = ""
    preshared_key: str = ""
    endpoint: str = ""
    persistent_keepalive_interval: timedelta = timedelta()
    allowed_ips: list[str] = msgspec.field(default_factory=list, name="allowedIPs")
