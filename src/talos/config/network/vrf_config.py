"""VRFConfig: A virtual routing domain."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from msgspec import field

from talos.config import checks
from talos.config.document import Document
from talos.config.forms import HardwareAddress, Kept, Needed, RoutingTable, UInt32
from talos.config.network.addressing import AddressConfig, RouteConfig

if TYPE_CHECKING:
    from talos.config.config import Config


class VRFConfig(Document, kw_only=True):
    """A virtual routing domain."""

    KIND: ClassVar[str] = "VRFConfig"
    NAMED: ClassVar[bool] = True
    CONFLICTS: ClassVar[tuple[str, ...]] = (
        "BondConfig",
        "BridgeConfig",
        "DummyLinkConfig",
        "LinkConfig",
        "VethConfig",
        "VLANConfig",
        "WireguardConfig",
    )

    name: Needed[Kept[str]] = ""
    hardware_addr: HardwareAddress = ""
    links: Needed[list[str]] = field(default_factory=list)
    table: Needed[Kept[RoutingTable]] = ""
    up: bool | None = None
    mtu: UInt32 = 0
    addresses: list[AddressConfig] = field(default_factory=list)
    routes: list[RouteConfig] = field(default_factory=list)
    multicast: bool | None = None

    def problems(self, config: Config) -> Iterator[str]:
        """Faults beyond the keys' own forms."""
        yield from checks.new_link("name", self.name)
        yield from checks.link(self.addresses, self.routes, self.mtu)
