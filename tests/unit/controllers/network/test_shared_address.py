"""A shared address on a link: told to others there, in no list of the node itself, gone when nobody elected us."""

from __future__ import annotations

import asyncio
import socket
import time
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from tests.unit.controllers.network.test_documents import Node
from tests.wires import needs, root, wire

from talos.config import Config
from talos.controllers.network.address_merge import AddressMergeController
from talos.controllers.network.address_spec import AddressSpecController
from talos.controllers.network.address_status import AddressStatusController
from talos.controllers.network.layers import CONFIG_NAMESPACE
from talos.controllers.network.link_status import LinkStatusController
from talos.controllers.network.node_address import NodeAddressController
from talos.controllers.network.operator_config import operator_id, shared
from talos.controllers.network.shared_address import shared_address
from talos.linux.namespace import network_namespace
from talos.resources.network import AddressSpecSpec, NodeAddressSpec, OperatorSpecSpec
from talos.state.controller import Controller
from talos.state.controller_runtime import ControllerRuntime

PIPELINE: list[type[Controller]] = [
    AddressMergeController, AddressSpecController, AddressStatusController, LinkStatusController, NodeAddressController,
]  # fmt: skip
DOCUMENT = "apiVersion: v1alpha1\nkind: Layer2VIPConfig\nname: 10.9.0.50\nlink: eth0\n"
LEGACY = """\
machine:
  type: controlplane
  network:
    interfaces:
    - interface: eth0
      vip: {ip: 10.9.0.50}
      vlans: [{vlanId: 7, vip: {ip: 10.9.1.50}}]
"""


def test_both_places_of_the_configuration() -> None:
    found = [(vip.address, vip.link) for vip in Config.decode(DOCUMENT).network.virtual_ips]
    assert found == [("10.9.0.50", "eth0")]
    found = [(vip.address, vip.link) for vip in Config.decode(LEGACY).network.virtual_ips]
    assert found == [("10.9.0.50", "eth0"), ("10.9.1.50", "eth0.7")]


def test_the_operator_and_its_address() -> None:
    (vip,) = Config.decode(DOCUMENT).network.virtual_ips
    spec = shared_address(shared(vip))
    assert (spec.address, spec.link_name, spec.announce_with_arp) == ("10.9.0.50/32", "eth0", True)
    assert operator_id(shared(vip)) == "vip/eth0/10.9.0.50"


@root
@needs("ip")
@pytest.mark.slow
def test_an_election_on_the_wire(tmp_path: Path) -> None:
    (vip,) = Config.decode(DOCUMENT).network.virtual_ips
    operator = shared(vip)
    with wire() as cable:
        node = Node(cable, tmp_path)
        cable.execute(cable.node, "ip", "address", "add", "10.9.0.7/24", "dev", "eth0")
        # What an earlier machined was elected for.
        cable.execute(cable.node, "ip", "address", "add", "10.9.0.50/32", "dev", "eth0")
        cable.execute(cable.node, "ip", "link", "set", "eth0", "up")
        with network_namespace(cable.peer):
            listener = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0806))
        listener.settimeout(20)

        async def body() -> None:
            async with ControllerRuntime(node.state, PIPELINE, node.env):
                await node.state.modify(OperatorSpecSpec, operator_id(operator), lambda _: operator)
                await node.until(lambda: node.addresses("eth0") == {"10.9.0.7/24"})
                id_ = "vip/eth0/10.9.0.50/operator/eth0/10.9.0.50/32"
                await node.state.modify(
                    AddressSpecSpec, id_, lambda _: shared_address(operator), namespace=CONFIG_NAMESPACE
                )
                await node.until(lambda: "10.9.0.50/32" in node.addresses("eth0"))
                frame = await asyncio.to_thread(_announcement, listener)
                assert frame[28:32] == IPv4Address("10.9.0.50").packed and frame[6:12] == frame[22:28]
                await asyncio.sleep(0.3)
                for resource in await node.state.list(NodeAddressSpec):
                    assert "10.9.0.50/32" not in resource.spec.addresses, resource.id
                await node.state.destroy(AddressSpecSpec, id_, namespace=CONFIG_NAMESPACE)
                await node.until(lambda: node.addresses("eth0") == {"10.9.0.7/24"})
                for resource in await node.state.list(NodeAddressSpec):
                    assert "10.9.0.50/32" not in resource.spec.addresses, resource.id

        cable.run(body)
        listener.close()


def _announcement(listener: socket.socket) -> bytes:
    end = time.monotonic() + 20
    while time.monotonic() < end:
        frame = listener.recv(200)
        if frame[28:32] == frame[38:42] and frame[:6] == b"\xff" * 6:
            return frame
    raise AssertionError("nothing was announced")

