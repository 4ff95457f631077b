"""VLANConfig: A VLAN on a link."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, ClassVar

from msgspec import field

from talos.config import checks
from talos.config.document import Document
from talos.config.forms import Kept, Needed, OneOf, UInt16, UInt32
from talos.config.network.addressing import AddressConfig, RouteConfig

if TYPE_CHECKING:
    from talos.config.config import Config


class VLANConfig(Document, kw_only=True):
    """A VLAN on a link."""

    KIND: ClassVar[str] = "VLANConfig"
    NAMED: ClassVar[bool] = True
    CONFLICTS: ClassVar[tuple[str, ...]] = (
        "BondConfig",
        "BridgeConfig",
        "DummyLinkConfig",
        "LinkConfig",
        "VethConfig",
        "VRFConfig",
        "WireguardConfig",
    )

    name: Needed[Kept[str]] = ""
    vlan_id: Needed[UInt16] = field(default=0, name="vlanID")
    vlan_mode: Annotated[str, OneOf("802.1q", "802.1ad")] | None = None
    parent: Needed[str] = ""
    up: bool | None = None
    mtu: UInt32 = 0
    addresses: list[AddressConfig] = field(default_factory=list)
    routes: list[RouteConfig] = field(default_factory=list)
    multicast: bool | None = None

    def problems(self, config: Config) -> Iterator[str]:
        """Faults beyond the keys' own forms."""
        if not 1 <= self.vlan_id <= 4094:
            yield f"vlanID is {self.vlan_id}, must be from 1 to 4094"
        yield from checks.new_link("name", self.name)
        yield from checks.link(self.addresses, self.routes, self.mtu)
