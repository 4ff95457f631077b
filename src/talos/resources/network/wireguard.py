"""Wireguard, shared by several resource types."""

from __future__ import annotations

from talos.resources.network.wireguard_peer import WireguardPeer
from talos.state.spec import Part, part


@part(omit_empty=("private_key", "public_key"))
class WireguardSpec(Part):
    """Message WireguardSpec of the wire contract."""

    private_key: str = ""
    public_key: str = ""
    listen_port: int = 0
    firewall_mark: int = 0
    peers: list[WireguardPeer] = []
