"""WireguardConfig: A WireGuard link."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from msgspec import field

from talos.config import checks
from talos.config.document import Document, Part
from talos.config.duration import Duration
from talos.config.forms import AddressPort, Kept, Needed, Prefix, Secret, UInt32
from talos.config.network.addressing import AddressConfig, RouteConfig

if TYPE_CHECKING:
    from talos.config.config import Config


class WireguardPeer(Part, kw_only=True):
    """``peers``."""

    public_key: Needed[str] = ""
    preshared_key: Secret[str] = ""
    endpoint: AddressPort = ""
    persistent_keepalive_interval: Duration = Duration(0)
    allowed_ips: list[Prefix] = field(default_factory=list, name="allowedIPs")


class WireguardConfig(Document, kw_only=True):
    """A WireGuard link and its peers. In a container it takes a host whose kernel has WireGuard."""

    KIND: ClassVar[str] = "WireguardConfig"
    NAMED: ClassVar[bool] = True
    SECRET: ClassVar[bool] = True
    CONFLICTS: ClassVar[tuple[str, ...]] = (
        "BondConfig",
        "BridgeConfig",
        "DummyLinkConfig",
        "LinkConfig",
        "VethConfig",
        "VLANConfig",
        "VRFConfig",
    )

    name: Needed[Kept[str]] = ""
    private_key: Secret[Needed[str]] = ""
    listen_port: int = 0
    firewall_mark: int = 0
    peers: list[WireguardPeer] = field(default_factory=list)
    up: bool | None = None
    mtu: UInt32 = 0
    addresses: list[AddressConfig] = field(default_factory=list)
    routes: list[RouteConfig] = field(default_factory=list)
    multicast: bool | None = None

    def problems(self, config: Config) -> Iterator[str]:
        """Faults beyond the keys' own forms."""
        if self.private_key:
            yield from checks.wireguard_key("privateKey", self.private_key)
        peers = ((peer.public_key, peer.preshared_key, peer.persistent_keepalive_interval) for peer in self.peers)
        yield from checks.wireguard_link("", self.listen_port, self.firewall_mark, peers)
        yield from checks.new_link("name", self.name)
        yield from checks.link(self.addresses, self.routes, self.mtu)
