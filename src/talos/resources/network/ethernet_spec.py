"""EthernetSpec: resource type EthernetSpecs.net.talos.dev."""

from __future__ import annotations

import msgspec

from talos.resources.enums import WOLMode
from talos.state.spec import Part, Spec, part, resource


@part(
    omit_empty=(
        "rx",
        "tx",
        "rx_mini",
        "rx_jumbo",
        "rx_buf_len",
        "cqe_size",
        "tx_push",
        "rx_push",
        "tx_push_buf_len",
        "tcp_data_split",
    )
)
class EthernetRingsSpec(Part):
    """Message EthernetRingsSpec of the wire contract."""

    rx: int | None = None
    tx: int | None = None
    rx_mini: int | None = msgspec.field(default=None, name="rx-mini")
    rx_jumbo: int | None = msgspec.field(default=None, name="rx-jumbo")
    rx_buf_len: int | None = msgspec.field(default=None, name="rx-buf-len")
    cqe_size: int | None = msgspec.field(default=None, name="cqe-size")
    tx_push: bool | None = msgspec.field(default=None, name="tx-push")
    rx_push: bool | None = msgspec.field(default=None, name="rx-push")
    tx_push_buf_len: int | None = msgspec.field(default=None, name="tx-push-buf-len")
    tcp_data_split: bool | None = msgspec.field(default=None, name="tcp-data-split")


@part(omit_empty=("rx", "tx", "other", "combined"))
class EthernetChannelsSpec(Part):
    """Message EthernetChannelsSpec of the wire contract."""

    rx: int | None = None
    tx: int | None = None
    other: int | None = None
    combined: int | None = None


@resource(
    type="EthernetSpecs.net.talos.dev",
    namespace="network",
    display="EthernetSpec",
    aliases=("ethernetspec", "es"),
    all_aliases=("ethernetspecs", "ethernetspecs.net", "ethernetspecs.net.talos"),
    proto="talos.resource.definitions.network.EthernetSpecSpec",
    omit_empty=("rings", "features", "channels", "wake_on_lan"),
)
class EthernetSpecSpec(Spec):
    """Spec of EthernetSpecs.net.talos.dev."""

    rings: EthernetRingsSpec | None = None
    features: dict[str, bool] = {}
    channels: EthernetChannelsSpec | None = None
    wake_on_lan: list[WOLMode] = []
