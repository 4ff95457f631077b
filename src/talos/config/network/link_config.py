"""LinkConfig: an existing link: its addresses, routes and MTU."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from msgspec import field

from talos.config import checks
from talos.config.document import Document
from talos.config.forms import Kept, Needed, UInt32
from talos.config.network.addressing import AddressConfig, RouteConfig

if TYPE_CHECKING:
    from talos.config.config import Config


class LinkConfig(Document, kw_only=True):
    """An existing link: its addresses, routes and MTU."""

    KIND: ClassVar[str] = "LinkConfig"
    NAMED: ClassVar[bool] = True
    CONFLICTS: ClassVar[tuple[str, ...]] = (
        "BondConfig",
        "BridgeConfig",
        "DummyLinkConfig",
        "VethConfig",
        "VLANConfig",
        "VRFConfig",
        "WireguardConfig",
    )

    name: Needed[Kept[str]] = ""
    up: bool | None = None
    mtu: UInt32 = 0
    addresses: list[AddressConfig] = field(default_factory=list)
    routes: list[RouteConfig] = field(default_factory=list)
    multicast: bool | None = None

    def problems(self, config: Config) -> Iterator[str]:
        """Faults beyond the keys' own forms."""
        yield from checks.link(self.addresses, self.routes, self.mtu)
