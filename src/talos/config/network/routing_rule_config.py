"""RoutingRuleConfig: A policy routing rule."""

from __future__ import annotations

from typing import Annotated, ClassVar

from talos.config.document import Document
from talos.config.forms import Kept, Needed, OneOf, Prefix, RoutingTable, UInt32


class RoutingRuleConfig(Document, kw_only=True):
    """A policy routing rule."""

    KIND: ClassVar[str] = "RoutingRuleConfig"
    NAMED: ClassVar[bool] = True

    name: Needed[Kept[str]] = ""
    src: Prefix = ""
    dst: Prefix = ""
    table: Needed[Kept[RoutingTable]] = ""
    action: Annotated[str, OneOf("unspec", "unicast", "blackhole", "unreachable", "prohibit")] = ""
    iif_name: str = ""
    oif_name: str = ""
    fw_mark: UInt32 = 0
    fw_mask: UInt32 = 0
