"""StaticHostConfig: names for an address in /etc/hosts."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address
from typing import TYPE_CHECKING, ClassVar

from msgspec import field

from talos.config import checks
from talos.config.document import Document
from talos.config.forms import Kept, Needed

if TYPE_CHECKING:
    from talos.config.config import Config


class StaticHostConfig(Document, kw_only=True):
    """Names for an address in /etc/hosts."""

    KIND: ClassVar[str] = "StaticHostConfig"
    NAMED: ClassVar[bool] = True

    name: Needed[Kept[str]] = ""
    hostnames: Kept[list[str]] = field(default_factory=list)

    def problems(self, config: Config) -> Iterator[str]:
        """Faults beyond the keys' own forms."""
        try:
            ip_address(self.name)
        except ValueError:
            yield f"name is {self.name!r}, must be the IP address that the names belong to"
        if not self.hostnames:
            yield "hostnames needs at least one name"
        yield from checks.words("hostnames", self.hostnames)
