"""HCloudVIPConfig: A shared address moved by the Hetzner Cloud API."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address
from typing import TYPE_CHECKING, ClassVar

from talos.config.document import Document
from talos.config.forms import Kept, Needed, Secret

if TYPE_CHECKING:
    from talos.config.config import Config


class HCloudVIPConfig(Document, kw_only=True):
    """A shared address moved by the Hetzner Cloud API."""

    KIND: ClassVar[str] = "HCloudVIPConfig"
    NAMED: ClassVar[bool] = True
    SECRET: ClassVar[bool] = True
    CONFLICTS: ClassVar[tuple[str, ...]] = ("Layer2VIPConfig",)

    name: Needed[Kept[str]] = ""
    link: Kept[str] = ""
    api_token: Secret[Kept[str]] = ""

    def problems(self, config: Config) -> Iterator[str]:
        """Faults beyond the keys' own forms."""
        try:
            ip_address(self.name)
        except ValueError:
            yield f"name is {self.name!r}, must be the shared IP address"
        if not self.link:
            yield "link is required"
