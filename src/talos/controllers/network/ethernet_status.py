"""What the drivers of Ethernet links say of them: speed, offloads, rings, queues, wake on LAN.

Asked anew after every change of a link that the kernel tells of, a changed offload among them. Rings and queues change
only by hand, and no hand reaches them here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from talos.controllers.network.kernel_status import KernelStatusController
from talos.linux import netlink as nl
from talos.linux.netlink_socket import RouteSocket
from talos.resources.enums import Duplex, LinkType, Port, WOLMode
from talos.resources.network import EthernetStatusSpec
from talos.resources.network.ethernet_status import EthernetChannelsStatus, EthernetRingsStatus
from talos.state.controller import EXCLUSIVE, Output
from talos.state.runtime import Runtime
from talos.state.spec import Spec

if TYPE_CHECKING:
    from talos.linux.ethtool import Ethernet, EthtoolSocket

_SWITCHES = ("tx_push", "rx_push")
_SPLIT = {1: False, 2: True}  # ethtool-netlink: 0 is "the driver does not say"


def status(link: Ethernet) -> EthernetStatusSpec:
    """One link's resource."""
    spec = EthernetStatusSpec(
        link_state=link.link,
        speed_mbit=link.speed_mbit,
        port=Port.OTHER if link.port is None else Port(link.port),
        duplex=Duplex.UNKNOWN if link.duplex is None else Duplex(link.duplex),
        our_modes=link.our_modes,
        peer_modes=link.peer_modes,
        features=link.features,
        wake_on_lan=[WOLMode(bit) for bit in link.wake_on_lan],
    )
    if link.rings:
        rings: dict[str, int | bool | None] = {**link.rings}
        rings |= {name: bool(rings[name]) for name in _SWITCHES if name in rings}
        if "tcp_data_split" in rings:
            rings["tcp_data_split"] = _SPLIT.get(link.rings["tcp_data_split"])
        spec.rings = EthernetRingsStatus(**rings)  # type: ignore[arg-type]
    if link.channels:
        spec.channels = EthernetChannelsStatus(**link.channels)
    return spec


class EthernetStatusController(KernelStatusController):
    name = "network.EthernetStatusController"
    kind = EthernetStatusSpec
    groups = (nl.RTNLGRP_LINK,)
    outputs = (Output(EthernetStatusSpec, EXCLUSIVE),)

    def __init__(self) -> None:
        self._socket: EthtoolSocket | None = None
        self._refused = False

    async def run(self, rt: Runtime) -> None:
        try:
            await super().run(rt)
        finally:
            if self._socket is not None:
                self._socket.close()
                self._socket = None

    def snapshot(self, route_socket: RouteSocket, rt: Runtime) -> dict[str, Spec]:
        from talos.linux.ethtool import EthtoolSocket  # machined, which never asks, imports this file early

        if self._refused:
            return {}
        try:
            self._socket = self._socket or EthtoolSocket()
        except OSError as error:
            self._refused = True
            rt.log.warning("this kernel says nothing of Ethernet links: %s", error)
            return {}
        names = {link.name for link in route_socket.links() if link.arp_type == LinkType.ETHER}
        found: dict[str, Ethernet] = self._socket.links()
        return {name: status(link) for name, link in found.items() if name in names}
