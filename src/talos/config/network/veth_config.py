"""VethConfig: A pair of virtual Ethernet links."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from msgspec import field

from talos.config import checks
from talos.config.document import Document, Part
from talos.config.forms import Kept, Needed, UInt32
from talos.config.network.addressing import AddressConfig, RouteConfig

if TYPE_CHECKING:
    from talos.config.config import Config


class VethPeerConfig(Part, kw_only=True):
    """``peer``."""

    name: Needed[Kept[str]] = ""
    up: bool | None = None
    mtu: UInt32 = 0
    addresses: list[AddressConfig] = field(default_factory=list)
    routes: list[RouteConfig] = field(default_factory=list)
    multicast: bool | None = None


class VethConfig(Document, kw_only=True):
    """A pair of virtual Ethernet links."""

    KIND: ClassVar[str] = "VethConfig"
    NAMED: ClassVar[bool] = True
    CONFLICTS: ClassVar[tuple[str, ...]] = (
        "BondConfig",
        "BridgeConfig",
        "DummyLinkConfig",
        "LinkConfig",
        "VLANConfig",
        "VRFConfig",
        "WireguardConfig",
    )

    name: Needed[Kept[str]] = ""
    peer: Needed[Kept[VethPeerConfig]] = field(default_factory=VethPeerConfig)
    up: bool | None = None
    mtu: UInt32 = 0
    addresses: list[AddressConfig] = field(default_factory=list)
    routes: list[RouteConfig] = field(default_factory=list)
    multicast: bool | None = None

    def problems(self, config: Config) -> Iterator[str]:
        """Faults beyond the keys' own forms."""
        if self.peer.name == self.name:
            yield "peer.name must differ from name"
        yield from checks.new_link("name", self.name)
        yield from checks.link(self.addresses, self.routes, self.mtu)
        yield from checks.new_link("peer.name", self.peer.name)
        yield from checks.link(self.peer.addresses, self.peer.routes, self.peer.mtu, "peer.")
