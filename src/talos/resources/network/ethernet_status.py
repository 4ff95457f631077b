"""EthernetStatus: resource type EthernetStatuses.net.talos.dev."""

from __future__ import annotations

import msgspec

from talos.resources.enums import Duplex, Port, WOLMode
from talos.state.spec import Part, Spec, part, resource


@part(
    omit_empty=(
        "rx_max",
        "rx_mini_max",
        "rx_jumbo_max",
        "tx_max",
        "tx_push_buf_len_max",
        "rx",
        "rx_mini",
        "rx_jumbo",
        "tx",
        "rx_buf_len",
        "cqe_size",
        "tx_push",
        "rx_push",
        "tx_push_buf_len",
        "tcp_data_split",
    )
)
class EthernetRingsStatus(Part):
    """Message EthernetRingsStatus of the wire contract."""

    rx_max: int | None = msgspec.field(default=None, name="rx-max")
    rx_mini_max: int | None = msgspec.field(default=None, name="rx-mini-max")
    rx_jumbo_max: int | None = msgspec.field(default=None, name="rx-jumbo-max")
    tx_max: int | None = msgspec.field(default=None, name="tx-max")
    tx_push_buf_len_max: int | None = msgspec.field(default=None, name="tx-push-buf-len-max")
    rx: int | None = None
    rx_mini: int | None = msgspec.field(default=None, name="rx-mini")
    rx_jumbo: int | None = msgspec.field(default=None, name="rx-jumbo")
    tx: int | None = None
    rx_buf_len: int | None = msgspec.field(default=None, name="rx-buf-len")
    cqe_size: int | None = msgspec.field(default=None, name="cqe-size")
    tx_push: bool | None = msgspec.field(default=None, name="tx-push")
    rx_push: bool | None = msgspec.field(default=None, name="rx-push")
    tx_push_buf_len: int | None = msgspec.field(default=None, name="tx-push-buf-len")
    tcp_data_split: bool | None = msgspec.field(default=None, name="tcp-data-split")


@part(omit_empty=("rx_max", "tx_max", "other_max", "combined_max", "rx", "tx", "other", "combined"))
class EthernetChannelsStatus(Part):
    """Message EthernetChannelsStatus of the wire contract."""

    rx_max: int | None = msgspec.field(default=None, name="rx-max")
    tx_max: int | None = msgspec.field(default=None, name="tx-max")
    other_max: int | None = msgspec.field(default=None, name="other-max")
    combined_max: int | None = msgspec.field(default=None, name="combined-max")
    rx: int | None = None
    tx: int | None = None
    other: int | None = None
    combined: int | None = None


@resource(
    type="EthernetStatuses.net.talos.dev",
    namespace="network",
    display="EthernetStatus",
    aliases=("ethtool", "ethernetstatus", "es"),
    all_aliases=("ethernetstatuses", "ethernetstatuses.net", "ethernetstatuses.net.talos"),
    columns=(("Link", "{.linkState}"), ("Speed", "{.speedMbit}")),
    proto="talos.resource.definitions.network.EthernetStatusSpec",
    omit_empty=("link_state", "speed_mbit", "our_modes", "peer_modes", "rings", "features", "channels", "wake_on_lan"),
    forms={"features": "feature_list"},
    proto_names={"speed_mbit": "speed_megabits"},
)
class EthernetStatusSpec(Spec):
    """Spec of EthernetStatuses.net.talos.dev."""

    link_state: bool | None = None
    speed_mbit: int | None = None
    port: Port = Port.TWISTED_PAIR
    duplex: Duplex = Duplex.HALF
    our_modes: list[str] = []
    peer_modes: list[str] = []
    rings: EthernetRingsStatus | None = None
    features: dict[str, str] = {}
    channels: EthernetChannelsStatus | None = None
    wake_on_lan: list[WOLMode] = msgspec.field(default_factory=list, name="wakeOnLAN")
