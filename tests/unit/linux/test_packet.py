"""Packets on a real veth pair in namespaces of their own: what is sent is what is seen, and no more than the filter."""

from __future__ import annotations

import os
import select
import socket
from collections.abc import Iterator

import pytest

from talos.linux import netlink as nl
from talos.linux.namespace import network_namespace, new_network_namespace
from talos.linux.netlink_socket import RouteSocket
from talos.linux.packet import Packet, PacketSocket, link_type

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root")

FRAME = bytes.fromhex(
    "ffffffffffff 020000000001 88b5".replace(" ", "")
)  # to all, from us, local experimental EtherType
ONLY_EXPERIMENTAL = ((0x28, 0, 0, 12), (0x15, 0, 1, 0x88B5), (0x06, 0, 0, 0xFFFF), (0x06, 0, 0, 0))


@pytest.fixture
def ends() -> Iterator[tuple[int, int]]:
    """Namespaces of the two ends of a link: v0 in the first, v1 in the second."""
    first, second = new_network_namespace(), new_network_namespace()
    with network_namespace(first), RouteSocket() as sock:
        sock.veth_add("v0", "v1", peer_namespace=second)
    for namespace, name in ((first, "v0"), (second, "v1")):
        with network_namespace(namespace), RouteSocket() as sock:
            link = sock.link(name)
            assert link is not None
            sock.link_set(link.index, up=True)
    yield first, second
    os.close(first)
    os.close(second)


def send(namespace: int, *frames: bytes) -> None:
    with network_namespace(namespace), socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as sock:
        sock.bind(("v1", 0))
        for frame in frames:
            sock.send(frame)


def taken(packets: PacketSocket, count: int) -> list[Packet]:
    found = []
    while len(found) < count:
        assert select.select([packets], [], [], 5.0)[0], f"{len(found)} of {count} packets came"
        while (packet := packets.receive()) is not None:
            found.append(packet)
    return found


def test_what_passes_the_filter_is_seen_whole_and_in_order(ends: tuple[int, int]) -> None:
    with network_namespace(ends[0]):
        packets = PacketSocket("v0", filter=ONLY_EXPERIMENTAL)
    with packets:
        other = FRAME[:12] + b"\x88\xb6" + b"no"
        send(ends[1], FRAME + b"one", other, FRAME + b"two" * 400)
        one, two = taken(packets, 2)
    assert (one.data, two.data) == (FRAME + b"one", FRAME + b"two" * 400)
    assert 0 <= two.time_ns - one.time_ns < 5_000_000_000


def test_a_packet_longer_than_the_snap_length_keeps_its_length(ends: tuple[int, int]) -> None:
    with network_namespace(ends[0]):
        packets = PacketSocket("v0", filter=ONLY_EXPERIMENTAL, snap_bytes=20)
    with packets:
        send(ends[1], FRAME + bytes(600))
        packet = taken(packets, 1)[0]
    assert (packet.length, packet.data) == (614, (FRAME + bytes(600))[:20])


def test_a_vlan_tag_that_the_kernel_took_out_is_put_back(ends: tuple[int, int]) -> None:
    tagged = FRAME[:12] + bytes.fromhex("8100 0007 88b5".replace(" ", "")) + b"tagged"
    with network_namespace(ends[0]):
        packets = PacketSocket("v0", filter=ONLY_EXPERIMENTAL)
    with packets:
        send(ends[1], tagged)
        packet = taken(packets, 1)[0]
    assert packet.data == tagged
    assert packet.length == len(tagged)


def test_promiscuous_mode_lasts_as_long_as_the_socket(ends: tuple[int, int]) -> None:
    with network_namespace(ends[0]):
        quiet = PacketSocket("v0")
        before = promiscuity(ends[0])
        packets = PacketSocket("v0", promiscuous=True)
    with quiet, packets:
        assert promiscuity(ends[0]) == before + 1
    assert promiscuity(ends[0]) == before


def promiscuity(namespace: int) -> int:
    """IFLA_PROMISCUITY (30) of v0."""
    with network_namespace(namespace), RouteSocket() as sock:
        for msg in sock.dump(nl.RTM_GETLINK, nl.encode_link()):
            attributes = nl.Attributes(dict(nl.attributes(msg.payload[16:])))
            if attributes.text(nl.IFLA_IFNAME) == "v0":
                return attributes.u32(30)
    raise AssertionError("no v0")


def test_errors_tell_a_missing_link_from_a_bad_program(ends: tuple[int, int]) -> None:
    with network_namespace(ends[0]):
        assert link_type("v0") == 1
        assert link_type("lo") == 772
        with pytest.raises(OSError, match="No such device"):
            link_type("nosuch")
        with pytest.raises(OSError, match="No such device"):
            PacketSocket("nosuch")
        with pytest.raises(OSError, match="Invalid argument"):
            PacketSocket("v0", filter=((0xFFFF, 0, 0, 0),))
