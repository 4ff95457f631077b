"""DHCPv4Config: DHCP for IPv4 on a link."""

from __future__ import annotations

from typing import Annotated, ClassVar

from talos.config.document import Document
from talos.config.forms import HardwareAddress, Kept, Needed, OneOf, UInt32


class DHCPv4Config(Document, kw_only=True):
    """DHCP for IPv4 on a link."""

    KIND: ClassVar[str] = "DHCPv4Config"
    NAMED: ClassVar[bool] = True

    name: Needed[Kept[str]] = ""
    route_metric: UInt32 = 0
    ignore_hostname: bool | None = None
    ignore_routes: bool | None = None
    client_identifier: Annotated[str, OneOf("none", "mac", "duid")] | None = None
    duid_raw: HardwareAddress = ""
