"""EthernetConfig: hardware settings of an Ethernet link, as ethtool sets them."""

from __future__ import annotations

from typing import Annotated, ClassVar

from msgspec import field

from talos.config.document import Document, Part
from talos.config.forms import Kept, Needed, OneOf, UInt32


class EthernetRingsConfig(Part, kw_only=True):
    """``rings``."""

    rx: UInt32 | None = None
    tx: UInt32 | None = None
    rx_mini: UInt32 | None = field(default=None, name="rx-mini")
    rx_jumbo: UInt32 | None = field(default=None, name="rx-jumbo")
    rx_buf_len: UInt32 | None = field(default=None, name="rx-buf-len")
    cqe_size: UInt32 | None = field(default=None, name="cqe-size")
    tx_push: bool | None = field(default=None, name="tx-push")
    rx_push: bool | None = field(default=None, name="rx-push")
    tx_push_buf_len: UInt32 | None = field(default=None, name="tx-push-buf-len")
    tcp_data_split: bool | None = field(default=None, name="tcp-data-split")


class EthernetChannelsConfig(Part, kw_only=True):
    """``channels``."""

    rx: UInt32 | None = None
    tx: UInt32 | None = None
    other: UInt32 | None = None
    combined: UInt32 | None = None


class EthernetConfig(Document, kw_only=True):
    """Hardware settings of an Ethernet link, as ethtool sets them."""

    KIND: ClassVar[str] = "EthernetConfig"
    NAMED: ClassVar[bool] = True

    name: Needed[Kept[str]] = ""
    features: dict[str, bool] = field(default_factory=dict)
    rings: EthernetRingsConfig | None = None
    channels: EthernetChannelsConfig | None = None
    wake_on_lan: list[
        Annotated[str, OneOf("phy", "unicast", "multicast", "broadcast", "magic", "magicsecure", "filter")]
    ] = field(default_factory=list)
