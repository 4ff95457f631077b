"""DHCPv6Config: DHCP for IPv6 on a link."""

from __future__ import annotations

from typing import Annotated, ClassVar

from talos.config.document import Document
from talos.config.forms import HardwareAddress, Kept, Needed, OneOf, UInt32


class DHCPv6Config(Document, kw_only=True):
    """DHCP for IPv6 on a link."""

    KIND: ClassVar[str] = "DHCPv6Config"
    NAMED: ClassVar[bool] = True

    name: Needed[Kept[str]] = ""
    route_metric: UInt32 = 0
    ignore_hostname: bool | None = None
    client_identifier: Annotated[str, OneOf("none", "mac", "duid")] | None = None
    duid_raw: HardwareAddress = ""
