"""WireGuard links: from configuration to what the kernel is told, and between two nodes on a kernel that has them.

Where the kernel has none (most containers), what is left is that it is said so; tests/boot/test_wireguard.py runs the
rest in a guest.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.wires import Wire, root, wire

from talos import wireguard
from talos.config import Config
from talos.controllers.machine_config import ACTIVE
from talos.controllers.network.address_config import AddressConfigController
from talos.controllers.network.address_merge import AddressMergeController
from talos.controllers.network.address_spec import AddressSpecController
from talos.controllers.network.address_status import AddressStatusController
from talos.controllers.network.link_config import LinkConfigController, link_specs
from talos.controllers.network.link_merge import LinkMergeController
from talos.controllers.network.link_spec import LinkSpecController
from talos.controllers.network.link_status import LinkStatusController
from talos.environment import NodeEnvironment
from talos.linux import netlink as nl
from talos.linux import wireguard as wg
from talos.linux.namespace import network_namespace, new_network_namespace
from talos.linux.netlink_socket import RouteSocket
from talos.resources.config import MachineConfigSpec
from talos.resources.enums import LinkType
from talos.resources.network import LinkStatusSpec, WireguardPeer, WireguardSpec
from talos.state.controller import Controller
from talos.state.controller_runtime import ControllerRuntime
from talos.state.inmemory import InMemoryState

PIPELINE: list[type[Controller]] = [
    LinkConfigController, LinkMergeController, LinkSpecController, LinkStatusController, AddressConfigController,
    AddressMergeController, AddressSpecController, AddressStatusController,
]  # fmt: skip
PRIVATE = {name: wg.key_text(bytes([number]) * 32) for number, name in enumerate("ABC", 1)}
PUBLIC = {}
for _name, _private in PRIVATE.items():
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

    _raw = X25519PrivateKey.from_private_bytes(wg.key(_private)).public_key().public_bytes_raw()
    PUBLIC[_name] = wg.key_text(_raw)
SHARED = wg.key_text(bytes(range(32)))
WAIT_S = 60.0


def kernel_has_it() -> bool:
    """Whether links of that kind can be made here."""
    try:
        namespace = new_network_namespace()
    except OSError:
        return False
    with network_namespace(namespace), RouteSocket() as route_socket:
        try:
            route_socket.link_add("probe", "wireguard")
        except nl.NetlinkError:
            return False
    return True


with_kernel = pytest.mark.skipif(not kernel_has_it(), reason="this kernel has no WireGuard")

DOCUMENT = f"""\
apiVersion: v1alpha1
kind: WireguardConfig
name: wg0
privateKey: {PRIVATE["A"]}
listenPort: 51820
firewallMark: 7
peers:
- publicKey: {PUBLIC["B"]}
  presharedKey: {SHARED}
  endpoint: '[fd00::2]:51821'
  persistentKeepaliveInterval: 25s
  allowedIPs: [10.200.0.2/32, fd00:200::/64]
addresses: [{{address: 10.200.0.1/24}}]
"""
LEGACY = f"""\
version: v1alpha1
machine:
  type: worker
  network:
    interfaces:
    - interface: wg0
      addresses: [10.200.0.1/24]
      mtu: 1300
      wireguard:
        privateKey: {PRIVATE["A"]}
        listenPort: 51820
        firewallMark: 7
        peers:
        - publicKey: {PUBLIC["B"]}
          endpoint: vpn.example.org:51821
          persistentKeepaliveInterval: 25s
          allowedIPs: [10.200.0.2/24]
cluster: {{controlPlane: {{endpoint: "https://c"}}}}
"""


def test_a_link_of_either_layout() -> None:
    spec = link_specs(Config.decode(DOCUMENT).network.links)["wg0"]
    assert (spec.kind, spec.logical, spec.type, spec.mtu) == ("wireguard", True, LinkType.NONE, 0)
    assert spec.wireguard == WireguardSpec(
        private_key=PRIVATE["A"],
        listen_port=51820,
        firewall_mark=7,
        peers=[
            WireguardPeer(
                public_key=PUBLIC["B"],
                preshared_key=SHARED,
                endpoint="[fd00::2]:51821",
                persistent_keepalive_interval=timedelta(seconds=25),
                allowed_ips=["10.200.0.2/32", "fd00:200::/64"],
            )
        ],
    )
    config = Config.decode(LEGACY)
    assert PRIVATE["A"] not in repr(config.network.links)
    old = link_specs(config.network.links)["wg0"]
    assert (old.kind, old.mtu) == ("wireguard", 1300)
    assert old.wireguard is not None
    (peer,) = old.wireguard.peers
    assert (peer.endpoint, peer.allowed_ips) == ("vpn.example.org:51821", ["10.200.0.0/24"])


def no_name(text: str) -> wg.Endpoint | None:
    return wireguard.literal(text)


def peer(name: str, *allowed: str, **more: Any) -> WireguardPeer:
    return WireguardPeer(public_key=PUBLIC[name], allowed_ips=list(allowed), **more)


def device(*peers: WireguardPeer, **more: Any) -> wg.Device:
    return wireguard.wanted(WireguardSpec(private_key=PRIVATE["A"], peers=list(peers), **more), no_name)


def test_an_allowed_address_is_the_last_peers() -> None:
    both = device(peer("B", "10.0.0.0/8", "10.1.0.0/16"), peer("C", "10.0.0.1/8"))
    assert [[str(network) for network in one.allowed] for one in both.peers] == [["10.1.0.0/16"], ["10.0.0.0/8"]]


def test_only_what_differs_is_told() -> None:
    now = device(peer("B", "10.0.0.2/32"), peer("C", "10.0.0.3/32"), listen_port=51820)
    assert not wireguard.changes(now, now, {})
    want = device(peer("B", "10.0.0.2/32"), peer("C", "10.0.0.4/32", preshared_key=SHARED), firewall_mark=5)
    change = wireguard.changes(now, want, {})
    assert (change.private_key, change.listen_port, change.mark, change.remove_peers) == (None, None, 5, ())
    assert [one.public_key for one in change.set_peers] == [wg.key(PUBLIC["C"])]
    change = wireguard.changes(now, device(peer("B", "10.0.0.2/32")), {})
    assert (change.set_peers, change.remove_peers) == ((), (wg.key(PUBLIC["C"]),))
    change = wireguard.changes(want, now, {})
    assert [one.preshared_key for one in change.set_peers] == [wg.NO_KEY], "a preshared key that is gone is cleared"


def test_a_peer_that_moved_is_left_where_it_is() -> None:
    key, first, moved = wg.key(PUBLIC["B"]), "10.9.0.2:1", "10.9.0.3:9"
    want, now = device(peer("B", endpoint=first)), device(peer("B", endpoint=moved))
    assert wireguard.changes(now, want, {}).set_peers, "after a restart of the node's service it is told once"
    assert not wireguard.changes(now, want, {key: ("10.9.0.2", 1)})
    changed = device(peer("B", "10.0.0.0/8", endpoint=first))
    (told,) = wireguard.changes(now, changed, {key: ("10.9.0.2", 1)}).set_peers
    assert told.endpoint is None
    (told,) = wireguard.changes(now, device(peer("B", endpoint="10.9.0.4:1")), {key: ("10.9.0.2", 1)}).set_peers
    assert told.endpoint == ("10.9.0.4", 1)


def test_a_links_own_key_is_no_peer_of_it() -> None:
    now = wg.Device(private_key=wg.clamp(wg.key(PRIVATE["A"])), public_key=wg.key(PUBLIC["A"]))
    assert not wireguard.changes(now, device(peer("A", "10.0.0.1/32")), {})


NAMES = st.sampled_from("BC")
ADDRESSES = st.lists(st.sampled_from(["10.0.0.0/8", "10.1.0.0/16", "fd00::/8"]), unique=True, max_size=3)
PEERS = st.lists(
    st.builds(lambda name, allowed, key, seconds: peer(name, *allowed, preshared_key=key,
                                                       persistent_keepalive_interval=timedelta(seconds=seconds)),
              NAMES, ADDRESSES, st.sampled_from(["", SHARED]), st.integers(0, 3)),
    max_size=3,
)  # fmt: skip


def applied(now: wg.Device, change: wg.Change) -> wg.Device:
    """What a kernel makes of a change."""
    peers = {one.public_key: one for one in now.peers if one.public_key not in change.remove_peers}
    for new in change.set_peers:
        for key, one in peers.items():
            peers[key] = wg.Peer(key, one.preshared_key, one.endpoint, one.keepalive_s,
                                 tuple(net for net in one.allowed if net not in new.allowed))  # fmt: skip
        peers[new.public_key] = new
    return wg.Device(
        private_key=now.private_key if change.private_key is None else change.private_key,
        listen_port=now.listen_port if change.listen_port is None else change.listen_port,
        mark=now.mark if change.mark is None else change.mark,
        peers=tuple(peers.values()),
    )


@given(PEERS, PEERS)
def test_a_change_leads_there_and_there_is_no_second(before: list[WireguardPeer], after: list[WireguardPeer]) -> None:
    now, want = device(*before), device(*after)
    result = applied(now, wireguard.changes(now, want, {}))
    assert not wireguard.changes(result, want, {})
    assert {(one.public_key, frozenset(one.allowed)) for one in result.peers} == {
        (one.public_key, frozenset(one.allowed)) for one in want.peers
    }


def test_the_status_has_no_secrets() -> None:
    now = device(peer("B", "fd00::/8", "10.0.0.0/8", preshared_key=SHARED, endpoint="[fd00::2]:9"), listen_port=5)
    found = wireguard.status(now)
    assert (found.private_key, found.listen_port) == ("", 5)
    (one,) = found.peers
    assert (one.preshared_key, one.endpoint) == ("(hidden)", "[fd00::2]:9")
    assert one.allowed_ips == ["10.0.0.0/8", "fd00::/8"]


# -- with a kernel --


class Node:
    """The network part of a node in a namespace of its own."""

    def __init__(self, cable: Wire, namespace: int, root_folder: Path, platform: str = "metal") -> None:
        self.cable, self.namespace, self.state = cable, namespace, InMemoryState()
        self.env = NodeEnvironment(platform=platform, root=root_folder)

    async def configure(self, text: str) -> None:
        Config.decode(text)
        await self.state.modify(MachineConfigSpec, ACTIVE, lambda _: MachineConfigSpec(text=text))

    def device(self) -> wg.Device:
        with network_namespace(self.namespace):
            wireguard_socket = wg.WireguardSocket()
        with wireguard_socket:
            return wireguard_socket.device("wg0")

    def udp(self, address: str) -> socket.socket:
        with network_namespace(self.namespace):
            sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            sock.bind((address, 4000))
        except OSError:
            sock.close()
            raise
        sock.settimeout(WAIT_S)
        return sock

    async def until(self, condition: Callable[[], Any]) -> None:
        """Until it holds; of a link or peer that is not there yet nothing does."""
        end = time.monotonic() + WAIT_S
        while True:
            try:
                if await asyncio.to_thread(condition):
                    return
            except (OSError, IndexError):
                pass
            assert time.monotonic() < end, self.cable.execute(self.namespace, "ip", "-d", "address")
            await asyncio.sleep(0.05)

    async def status(self, condition: Callable[[LinkStatusSpec], bool]) -> LinkStatusSpec:
        async with asyncio.timeout(WAIT_S):
            return (await self.state.wait_for(LinkStatusSpec, "wg0", lambda found: condition(found.spec))).spec


def both(first: Node, second: Node, body: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Runs the first node's controllers and the body in its namespace, the second's in another thread and its own."""
    running, ended = threading.Event(), threading.Event()

    async def other() -> None:
        async with ControllerRuntime(second.state, PIPELINE, second.env):
            running.set()
            await asyncio.to_thread(ended.wait)

    async def whole() -> None:
        async with ControllerRuntime(first.state, PIPELINE, first.env):
            await body()

    thread = threading.Thread(target=first.cable.run, args=(other, second.namespace))
    thread.start()
    try:
        assert running.wait(WAIT_S)
        first.cable.run(whole, first.namespace)
    finally:
        ended.set()
        thread.join()


@pytest.fixture
def cable() -> Iterator[Wire]:
    with wire() as made:
        yield made


def link(name: str, *addresses: str) -> str:
    given = "".join(f"- address: {address}\n" for address in addresses)
    return f"apiVersion: v1alpha1\nkind: LinkConfig\nname: {name}\naddresses:\n{given}---\n"


def tunnel(own: str, address: str, port: int, *peers: str, more: str = "") -> str:
    listed = "".join(f"- {text}\n" for text in peers)
    return (
        f"apiVersion: v1alpha1\nkind: WireguardConfig\nname: wg0\nprivateKey: {PRIVATE[own]}\nlistenPort: {port}\n"
        f"{more}addresses:\n- address: {address}\n" + (f"peers:\n{listed}" if peers else "")
    )


def exchange(here: socket.socket, there: socket.socket, text: bytes) -> bool:
    """A datagram there and back."""
    here.sendto(text, there.getsockname())
    got, sender = there.recvfrom(100)
    there.sendto(got + b"!", sender)
    return here.recv(100) == text + b"!"


@root
@with_kernel
@pytest.mark.slow
@pytest.mark.parametrize(("one", "other"), [("10.9.0.1/24", "10.9.0.2/24"), ("fd00:9::1/64", "fd00:9::2/64")])
def test_two_nodes_speak_and_their_peers_change_meanwhile(cable: Wire, tmp_path: Path, one: str, other: str) -> None:
    first, second = Node(cable, cable.node, tmp_path), Node(cable, cable.peer, tmp_path)
    host = other.partition("/")[0]
    endpoint = f"'[{host}]:51821'" if ":" in host else f"{host}:51821"
    to_second = (f"{{publicKey: {PUBLIC['B']}, presharedKey: {SHARED}, endpoint: {endpoint}, "
                 "allowedIPs: [10.200.0.2/32]}")  # fmt: skip
    to_first = f"{{publicKey: {PUBLIC['A']}, presharedKey: {SHARED}, allowedIPs: [10.200.0.1/32]}}"
    to_nobody = f"{{publicKey: {PUBLIC['C']}, allowedIPs: [10.200.0.3/32], persistentKeepaliveInterval: 25s}}"
    here, there = link("eth0", one), link("lan0", other)

    async def body() -> None:
        await second.configure(there + tunnel("B", "10.200.0.2/24", 51821, to_first))
        await first.configure(here + tunnel("A", "10.200.0.1/24", 51820, to_second, more="firewallMark: 7\n"))
        # Each end is up once its address can be bound.
        await first.until(lambda: first.udp("10.200.0.1").close() is None)
        await second.until(lambda: second.udp("10.200.0.2").close() is None)
        with first.udp("10.200.0.1") as a, second.udp("10.200.0.2") as b:
            assert await asyncio.to_thread(exchange, a, b, b"one")
            status = await first.status(lambda found: found.wireguard is not None and bool(found.wireguard.peers))
            assert (status.kind, status.type, status.mtu) == ("wireguard", LinkType.NONE, 1420)
            assert status.wireguard is not None
            assert (status.wireguard.public_key, status.wireguard.firewall_mark) == (PUBLIC["A"], 7)
            assert all(secret not in repr(status) for secret in (*PRIVATE.values(), SHARED))
            (roamed,) = second.device().peers
            # From which of its addresses the other end spoke first is its kernel's choice: one of IPv6 may still be in
            # doubt (RFC 4862, 5.4), and the link's own is there before.
            assert roamed.endpoint is not None, "what nobody configured, the kernel has learned"
            assert roamed.endpoint[1] == 51820
            (before,) = first.device().peers
            assert before.handshake > 0

            # One more peer: the session that there is goes on.
            await first.configure(here + tunnel("A", "10.200.0.1/24", 51820, to_second, to_nobody))
            await first.until(lambda: len(first.device().peers) == 2)
            await first.status(lambda found: found.wireguard is not None and len(found.wireguard.peers) == 2)
            assert await asyncio.to_thread(exchange, a, b, b"two")
            after = {found.public_key: found for found in first.device().peers}[wg.key(PUBLIC["B"])]
            assert after.handshake == before.handshake
            assert after.sent > before.sent
            assert first.device().mark == 0, "what the configuration does not say any more is gone"

            # Without the peer its addresses lead nowhere (ENOKEY), and the link stays.
            await first.configure(here + tunnel("A", "10.200.0.1/24", 51820, to_nobody))
            await first.until(lambda: [found.public_key for found in first.device().peers] == [wg.key(PUBLIC["C"])])
            with pytest.raises(OSError, match="Required key not available"):
                a.sendto(b"three", b.getsockname())

            # With another key of its own, which the other end does not know, and back.
            await first.configure(here + tunnel("C", "10.200.0.1/24", 51820, to_second))
            await first.until(lambda: first.device().public_key == wg.key(PUBLIC["C"]))
            await first.configure(here + tunnel("A", "10.200.0.1/24", 51820, to_second))
            await first.until(lambda: first.device().public_key == wg.key(PUBLIC["A"]))
            assert await asyncio.to_thread(exchange, a, b, b"four")
        await first.configure(here)
        await first.until(lambda: "wg0" not in cable.execute(first.namespace, "ip", "link"))

    both(first, second, body)


@root
@with_kernel
@pytest.mark.slow
def test_a_name_is_asked_for_while_the_link_is_up_already(cable: Wire, tmp_path: Path) -> None:
    node = Node(cable, cable.node, tmp_path)
    text = LEGACY.replace("vpn.example.org", "localhost")

    async def body() -> None:
        async with ControllerRuntime(node.state, PIPELINE, node.env):
            await node.configure(text)
            await node.until(lambda: node.device().peers[0].endpoint in (("127.0.0.1", 51821), ("::1", 51821)))
            found = node.device()
            assert (found.listen_port, found.mark, found.peers[0].keepalive_s) == (51820, 7, 25)
            assert (await node.status(lambda link: link.mtu == 1300)).kind == "wireguard"
            await node.configure(text.replace("mtu: 1300", "mtu: 0"))
            assert (await node.status(lambda link: link.mtu == 1420)).kind == "wireguard"

    cable.run(body)


@root
@with_kernel
@pytest.mark.slow
def test_the_kernel_keeps_what_it_is_told() -> None:
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pyroute2 import WireGuard

    many = tuple(ipaddress.ip_network((0x0A000000 + number, 32)) for number in range(3000))
    peers = [
        wg.Peer(wg.key(PUBLIC["B"]), bytes(range(32)), ("fd00::2", 9), 25, many),
        wg.Peer(wg.key(PUBLIC["C"]), endpoint=("10.0.0.9", 65535), allowed=(ipaddress.ip_network("::/0"),)),
    ]
    peers += [wg.Peer(number.to_bytes(32, "big"), keepalive_s=number) for number in range(9, 400)]
    private_key = wg.key(PRIVATE["A"])
    namespace = new_network_namespace()
    with network_namespace(namespace):
        with RouteSocket() as route_socket:
            route_socket.link_add("wg0", "wireguard")
        with wg.WireguardSocket() as wireguard_socket:
            change = wg.Change(private_key, 51820, 0xCA6C, replace_peers=True, set_peers=tuple(peers))
            wireguard_socket.configure("wg0", change)
            found = wireguard_socket.device("wg0")
            assert (found.name, found.listen_port, found.mark) == ("wg0", 51820, 0xCA6C)
            assert found.private_key == wg.clamp(private_key)
            assert found.public_key == wg.key(PUBLIC["A"])
            assert {one.public_key: (one.preshared_key, one.endpoint, one.keepalive_s, frozenset(one.allowed))
                    for one in found.peers} == {
                one.public_key: (one.preshared_key, one.endpoint, one.keepalive_s, frozenset(one.allowed))
                for one in peers
            }  # fmt: skip
            want = wg.Device("", wg.clamp(private_key), mark=0xCA6C, peers=tuple(peers))
            assert not wireguard.changes(found, want, {})
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                other = WireGuard()
                try:
                    messages = list(other.info("wg0"))
                finally:
                    other.close()
            seen = {peer.get_attr("WGPEER_A_PUBLIC_KEY") for message in messages
                    for peer in message.get_attr("WGDEVICE_A_PEERS") or ()}  # fmt: skip
            assert seen == {wg.key_text(one.public_key).encode() for one in peers}

            # One more that takes an address from another; then only these two.
            taken = wg.Peer(wg.key(PUBLIC["C"]), allowed=(many[0],))
            wireguard_socket.configure("wg0", wg.Change(set_peers=(taken,)))
            now = {one.public_key: one for one in wireguard_socket.device("wg0").peers}
            assert now[taken.public_key].endpoint == ("10.0.0.9", 65535), "an endpoint that is not named stays"
            assert many[0] not in now[wg.key(PUBLIC["B"])].allowed
            wireguard_socket.configure("wg0", wg.Change(replace_peers=True, set_peers=(taken,)))
            assert [one.public_key for one in wireguard_socket.device("wg0").peers] == [taken.public_key]
            wireguard_socket.configure("wg0", wg.Change(private_key=wg.NO_KEY, remove_peers=(taken.public_key,)))
            bare = wireguard_socket.device("wg0")
            assert (bare.private_key, bare.public_key, bare.peers) == (wg.NO_KEY, wg.NO_KEY, ())
            with pytest.raises(nl.NetlinkError, match="configure WireGuard link nolink"):
                wireguard_socket.configure("nolink", wg.Change(mark=1))


@root
@pytest.mark.skipif(kernel_has_it(), reason="this kernel has WireGuard")
@pytest.mark.parametrize(("platform", "advice"), [("container", "`modprobe wireguard` on the host"),
                                                  ("metal", "not loaded yet")])  # fmt: skip
def test_a_kernel_without_it_is_named(
    cable: Wire, tmp_path: Path, caplog: pytest.LogCaptureFixture, platform: str, advice: str
) -> None:
    node = Node(cable, cable.node, tmp_path, platform)

    async def body() -> None:
        async with ControllerRuntime(node.state, PIPELINE, node.env):
            await node.configure(link("eth0", "10.9.0.7/24") + DOCUMENT)
            await node.until(lambda: "no WireGuard (module wireguard)" in caplog.text)
            await node.until(lambda: "10.9.0.7" in cable.execute(node.namespace, "ip", "address"))

    cable.run(body)
    assert "link wg0: this kernel has no WireGuard" in caplog.text
    assert advice in caplog.text
    assert PRIVATE["A"] not in caplog.text
    assert "wg0" not in cable.execute(node.namespace, "ip", "link"), "nothing half done"
