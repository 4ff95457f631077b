"""Layer2VIPConfig: A shared address that moves between control plane nodes by ARP or NDP."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address
from typing import TYPE_CHECKING, ClassVar

from talos.config.document import Document
from talos.config.forms import Kept, Needed

if TYPE_CHECKING:
    from talos.config.config import Config


class Layer2VIPConfig(Document, kw_only=True):
    """A shared address that moves between control plane nodes by ARP or NDP."""

    KIND: ClassVar[str] = "Layer2VIPConfig"
    NAMED: ClassVar[bool] = True
    CONFLICTS: ClassVar[tuple[str, ...]] = ("HCloudVIPConfig",)

    name: Needed[Kept[str]] = ""
    link: Kept[str] = ""

    def problems(self, config: Config) -> Iterator[str]:
        """Faults beyond the keys' own forms."""
        try:
            ip_address(self.name)
        except ValueError:
            yield f"name is {self.name!r}, must be the shared IP address"
        if not self.link:
            yield "link is required"
