"""BlackholeRouteConfig: A destination whose packets are dropped."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_interface
from typing import TYPE_CHECKING, ClassVar

from talos.config.document import Document
from talos.config.forms import Kept, Needed, UInt32

if TYPE_CHECKING:
    from talos.config.config import Config


class BlackholeRouteConfig(Document, kw_only=True):
    """A destination whose packets are dropped."""

    KIND: ClassVar[str] = "BlackholeRouteConfig"
    NAMED: ClassVar[bool] = True

    name: Needed[Kept[str]] = ""
    metric: UInt32 = 0

    def problems(self, config: Config) -> Iterator[str]:
        """Faults beyond the keys' own forms."""
        try:
            ip_interface(self.name)
        except ValueError:
            yield f"name is {self.name!r}, must be the destination, such as 10.0.0.0/8"
