"""WireGuard links as the views answer with them, of either layout."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from talos.config.network.wireguard_config import WireguardConfig
    from talos.config.v1alpha1.network import DeviceWireguardConfig


class WireguardPeer(msgspec.Struct, frozen=True):
    """A peer of a WireGuard link. Keys are base64; it prints without the preshared one."""

    public_key: str
    preshared_key: str = ""
    endpoint: str = ""
    keepalive_ns: int = 0
    allowed_ips: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"WireguardPeer(public_key={self.public_key!r}, endpoint={self.endpoint!r})"


class Wireguard(msgspec.Struct, frozen=True):
    """What a WireGuard link is besides a link. It prints without its private key."""

    private_key: str
    listen_port: int = 0
    firewall_mark: int = 0
    peers: tuple[WireguardPeer, ...] = ()

    def __repr__(self) -> str:
        return f"Wireguard(listen_port={self.listen_port}, peers={self.peers!r})"


def wireguard(d: WireguardConfig | DeviceWireguardConfig) -> Wireguard:
    """The older layout knows no preshared keys."""
    return Wireguard(
        private_key=d.private_key,
        listen_port=d.listen_port,
        firewall_mark=d.firewall_mark,
        peers=tuple(
            WireguardPeer(
                public_key=peer.public_key,
                preshared_key=getattr(peer, "preshared_key", ""),
                endpoint=peer.endpoint,
                keepalive_ns=int(peer.persistent_keepalive_interval),
                allowed_ips=tuple(peer.allowed_ips),
            )
            for peer in d.peers
        ),
    )
