"""EthernetStatuses of links that are there."""

from __future__ import annotations

import asyncio
import os

import pytest

from talos.controllers.network.ethernet_status import EthernetStatusController, status
from talos.environment import NodeEnvironment
from talos.linux.ethtool import Ethernet
from talos.linux.namespace import network_namespace, new_network_namespace
from talos.linux.netlink_socket import RouteSocket
from talos.resources.enums import Duplex, Port, WOLMode
from talos.resources.network import EthernetStatusSpec
from talos.state.controller_runtime import ControllerRuntime
from talos.state.inmemory import InMemoryState


def test_what_a_driver_does_not_say_is_left_out() -> None:
    spec = status(Ethernet(link=False))
    assert (spec.port, spec.duplex, spec.speed_mbit, spec.rings, spec.channels) == (
        Port.OTHER,
        Duplex.UNKNOWN,
        None,
        None,
        None,
    )


def test_switches_and_numbers_of_rings_are_told_apart() -> None:
    spec = status(Ethernet(rings={"rx_max": 256, "rx": 128, "tx_push": 1, "tcp_data_split": 0}, wake_on_lan=[32]))
    assert spec.rings is not None
    assert (spec.rings.rx_max, spec.rings.rx, spec.rings.tx_push, spec.rings.tcp_data_split) == (256, 128, True, None)
    assert spec.wake_on_lan == [WOLMode.MAGIC]


async def _life_of_a_link(namespace: int) -> None:
    state = InMemoryState()
    with RouteSocket() as sock:
        async with asyncio.timeout(10), ControllerRuntime(state, [EthernetStatusController], NodeEnvironment()):
            sock.veth_add("v0", "v1", peer_namespace=namespace)
            made = await state.wait_for(EthernetStatusSpec, "v0")
            assert made.md.owner == "network.EthernetStatusController"
            assert (made.spec.link_state, made.spec.port) == (False, Port.TWISTED_PAIR)
            for name in ("v0", "v1"):
                link = sock.link(name)
                assert link is not None
                sock.link_set(link.index, up=True)
            await state.wait_for(EthernetStatusSpec, "v0", lambda r: r.spec.link_state is True)
            assert [one.id for one in await state.list(EthernetStatusSpec)] == ["v0", "v1"], "lo is no Ethernet"
            link = sock.link("v0")
            assert link is not None
            sock.link_delete(link.index)
            await state.wait_gone(EthernetStatusSpec, "v0")


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root")
def test_links_come_change_and_go_with_the_kernels() -> None:
    fd = new_network_namespace()
    try:
        with network_namespace(fd):
            asyncio.run(_life_of_a_link(fd))
    finally:
        os.close(fd)
