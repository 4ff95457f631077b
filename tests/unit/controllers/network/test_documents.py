"""Network documents carried out in a namespace of its own: the configuration goes in, iproute2 says what became of it.

Kinds that this kernel has no driver for (bond, vlan, vrf, dummy) are left out by name, not silently.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.wires import Wire, needs, root, wire

from talos.config import Config
from talos.controllers.machine_config import ACTIVE
from talos.controllers.network.address_config import AddressConfigController
from talos.controllers.network.address_merge import AddressMergeController
from talos.controllers.network.address_spec import AddressSpecController
from talos.controllers.network.address_status import AddressStatusController
from talos.controllers.network.link_config import LinkConfigController
from talos.controllers.network.link_merge import LinkMergeController
from talos.controllers.network.link_spec import LinkSpecController
from talos.controllers.network.link_status import LinkStatusController
from talos.controllers.network.platform_config import PlatformConfigController
from talos.controllers.network.route_config import RouteConfigController
from talos.controllers.network.route_merge import RouteMergeController
from talos.controllers.network.route_spec import RouteSpecController
from talos.environment import NodeEnvironment
from talos.kernel_arguments import KernelArguments
from talos.linux import netlink as nl
from talos.resources.config import MachineConfigSpec
from talos.state.controller import Controller
from talos.state.controller_runtime import ControllerRuntime
from talos.state.inmemory import InMemoryState

PIPELINE: list[type[Controller]] = [
    LinkConfigController, LinkMergeController, LinkSpecController, LinkStatusController, AddressConfigController,
    AddressMergeController, AddressSpecController, AddressStatusController, RouteConfigController, RouteMergeController,
    RouteSpecController, PlatformConfigController,
]  # fmt: skip

pytestmark = [root, needs("ip"), pytest.mark.slow]


@pytest.fixture
def cable() -> Iterator[Wire]:
    with wire() as made:
        yield made


def has_kind(cable: Wire, kind: str, data: bytes = b"") -> bool:
    with cable.inside(cable.node) as sock:
        try:
            sock.link_add("probe", kind, data=data)
        except nl.NetlinkError:
            return False
        found = sock.link("probe")
        assert found is not None
        sock.link_delete(found.index)
        return True


class Node:
    """A node's network in a namespace: configurations one after the other, and what iproute2 sees."""

    def __init__(self, cable: Wire, root: Path, arguments: str = "") -> None:
        self._cable, self.state = cable, InMemoryState()
        self.env = NodeEnvironment(platform="metal", root=root, arguments=KernelArguments(arguments))

    async def configure(self, text: str) -> None:
        Config.decode(text)
        await self.state.modify(MachineConfigSpec, ACTIVE, lambda _: MachineConfigSpec(text=text))

    def json(self, *command: str) -> Any:
        return json.loads(self._cable.execute(self._cable.node, "ip", "-json", "-details", *command) or "[]")

    def link(self, name: str) -> dict[str, Any]:
        return next((link for link in self.json("link") if link["ifname"] == name), {})

    def addresses(self, name: str) -> set[str]:
        found = next((link for link in self.json("address") if link["ifname"] == name), {"addr_info": []})
        return {f"{a['local']}/{a['prefixlen']}" for a in found["addr_info"] if not a["local"].startswith("fe80")}

    async def until(self, condition: Callable[[], Any]) -> None:
        end = time.monotonic() + 30
        while not await asyncio.to_thread(condition):
            assert time.monotonic() < end, self._cable.execute(self._cable.node, "ip", "address")
            await asyncio.sleep(0.05)

    def run(self, body: Callable[[], Any]) -> None:
        async def whole() -> None:
            async with ControllerRuntime(self.state, PIPELINE, self.env):
                await body()

        self._cable.run(whole)


LINK = """\
apiVersion: v1alpha1
kind: LinkConfig
name: eth0
mtu: 1400
addresses:
- address: 10.9.0.7/24
- address: fd00:9::7/64
  routePriority: 77
routes:
- gateway: 10.9.0.1
- destination: 172.20.0.0/16
  gateway: 10.9.0.2
  metric: 300
  mtu: 1300
"""
BRIDGE = """\
apiVersion: v1alpha1
kind: BridgeConfig
name: br7
links: [eth0]
stp: {enabled: true}
hardwareAddr: 02:00:00:00:00:77
addresses: [{address: 10.8.0.1/24}]
"""
VETH = """\
apiVersion: v1alpha1
kind: VethConfig
name: va
mtu: 1300
addresses: [{address: 10.7.0.1/30}]
peer: {name: vb, up: false}
"""


def test_link_addresses_and_routes_come_change_and_go(cable: Wire, tmp_path: Path) -> None:
    node = Node(cable, tmp_path)

    async def body() -> None:
        await node.configure(LINK)
        await node.until(lambda: node.addresses("eth0") == {"10.9.0.7/24", "fd00:9::7/64"})
        await node.until(lambda: len(node.json("route")) >= 3)
        link = node.link("eth0")
        assert (link["mtu"], "UP" in link["flags"]) == (1400, True)
        routes = {route["dst"]: route for route in node.json("route")}
        assert (routes["default"]["gateway"], routes["default"]["metric"]) == ("10.9.0.1", 1024)
        assert routes["172.20.0.0/16"]["metric"] == 300
        assert {"mtu": 1300} in routes["172.20.0.0/16"]["metrics"]
        other = LINK.replace("10.9.0.7/24", "10.9.0.8/24").replace("gateway: 10.9.0.1\n", "gateway: 10.9.0.3\n")
        await node.configure(other)
        await node.until(lambda: node.addresses("eth0") == {"10.9.0.8/24", "fd00:9::7/64"})
        await node.until(lambda: [r["gateway"] for r in node.json("route") if r["dst"] == "default"] == ["10.9.0.3"])
        await node.configure("apiVersion: v1alpha1\nkind: LinkConfig\nname: eth0\nup: false\n")
        await node.until(lambda: node.addresses("eth0") == set() and "UP" not in node.link("eth0")["flags"])

    node.run(body)


def test_bridge_and_veth(cable: Wire, tmp_path: Path) -> None:
    node = Node(cable, tmp_path)

    async def body() -> None:
        await node.configure(f"{BRIDGE}---\n{VETH}")
        await node.until(lambda: node.addresses("br7") == {"10.8.0.1/24"} and node.addresses("va") == {"10.7.0.1/30"})
        await node.until(lambda: node.link("eth0").get("master") == "br7")
        bridge = node.link("br7")
        data = bridge["linkinfo"]["info_data"]
        assert (data["stp_state"], bridge["address"]) == (1, "02:00:00:00:00:77")
        await node.until(lambda: "UP" in node.link("va")["flags"])
        assert ("UP" in node.link("vb")["flags"], node.link("va")["mtu"]) == (False, 1300)
        await node.configure(VETH)
        await node.until(lambda: not node.link("br7"))
        assert node.link("eth0"), "hardware is never removed"

    node.run(body)


def test_a_link_of_another_kind_takes_the_place_of_one(cable: Wire, tmp_path: Path) -> None:
    node = Node(cable, tmp_path)

    async def body() -> None:
        bridge = "apiVersion: v1alpha1\nkind: BridgeConfig\nname: va\naddresses: [{address: 10.7.0.9/30}]\n"
        await node.configure(bridge)
        await node.until(lambda: node.addresses("va") == {"10.7.0.9/30"})
        await node.configure(VETH)
        await node.until(lambda: node.link("va").get("linkinfo", {}).get("info_kind") == "veth")
        await node.until(lambda: node.addresses("va") == {"10.7.0.1/30"})

    node.run(body)


def test_what_is_made_by_kernel_arguments(cable: Wire, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from talos.controllers.network import physical
    from talos.controllers.network.cmdline_config import CmdlineConfigController

    real = physical.is_physical
    monkeypatch.setattr(physical, "is_physical", lambda link: link.kind == "veth" or real(link))
    monkeypatch.setitem(globals(), "PIPELINE", [*PIPELINE, CmdlineConfigController])
    node = Node(cable, tmp_path, "ip=10.9.0.9::10.9.0.1:255.255.255.0 bridge=br0:eth0")

    async def body() -> None:
        await node.until(lambda: node.addresses("eth0") == {"10.9.0.9/24"} and node.link("eth0").get("master") == "br0")
        await node.until(lambda: any(route["dst"] == "default" for route in node.json("route")))

    node.run(body)


MORE = {
    "bond": ("kind: BondConfig\nname: x0\nlinks: [eth0]\nbondMode: active-backup\nmiimon: 50\n", "bond", b""),
    "vlan": ("kind: VLANConfig\nname: x0\nvlanID: 7\nparent: eth0\n", "vlan", b""),
    "vrf": ("kind: VRFConfig\nname: x0\nlinks: [eth0]\ntable: 123\n", "vrf", nl.attribute(1, 123)),
    "dummy": ("kind: DummyLinkConfig\nname: x0\n", "dummy", b""),
}


@pytest.mark.parametrize("kind", MORE)
def test_kinds_that_need_a_driver(cable: Wire, tmp_path: Path, kind: str) -> None:
    text, driver, data = MORE[kind]
    if driver == "vlan":
        data = nl.attribute(nl.IFLA_VLAN_ID, b"\7\0")
        if not Path("/proc/net/vlan").exists():
            pytest.skip("this kernel has no driver for vlan links")
    elif not has_kind(cable, driver, data):
        pytest.skip(f"this kernel has no driver for {driver} links")
    node = Node(cable, tmp_path)

    async def body() -> None:
        await node.configure(f"apiVersion: v1alpha1\n{text}addresses: [{{address: 10.6.0.1/24}}]\n")
        await node.until(lambda: node.addresses("x0") == {"10.6.0.1/24"})
        made = node.link("x0")
        assert made["linkinfo"]["info_kind"] == driver
        if driver in ("bond", "vrf"):
            await node.until(lambda: node.link("eth0").get("master") == "x0")

    node.run(body)
