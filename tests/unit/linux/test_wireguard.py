"""WireGuard's netlink codec: what it writes as pyroute2 reads it, what a kernel wrote, and bytes of any kind."""

from __future__ import annotations

import ipaddress
import struct
import warnings
from collections.abc import Iterable
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from talos.linux import netlink as nl
from talos.linux import wireguard as wg

KEYS = st.binary(min_size=32, max_size=32)
ENDPOINTS = st.tuples(
    st.one_of(st.ip_addresses(v=4).map(str), st.ip_addresses(v=6).map(str), st.just("fe80::1%7")),
    st.integers(0, 65535),
)
NETWORKS = st.one_of(
    st.tuples(st.ip_addresses(v=4), st.integers(0, 32)), st.tuples(st.ip_addresses(v=6), st.integers(0, 128))
).map(lambda value: ipaddress.ip_network(value, strict=False))
PEERS = st.builds(
    wg.Peer,
    public_key=KEYS,
    preshared_key=KEYS,
    endpoint=st.none() | ENDPOINTS,
    keepalive_s=st.integers(0, 65535),
    allowed=st.lists(NETWORKS, max_size=5, unique=True).map(tuple),
)
CHANGES = st.builds(
    wg.Change,
    private_key=st.none() | KEYS,
    listen_port=st.none() | st.integers(0, 65535),
    mark=st.none() | st.integers(0, 2**32 - 1),
    replace_peers=st.booleans(),
    set_peers=st.lists(PEERS, max_size=4, unique_by=lambda peer: peer.public_key).map(tuple),
    remove_peers=st.lists(KEYS, max_size=3, unique=True).map(tuple),
)


def read(payload: bytes) -> dict[str, Any]:
    """A request as pyroute2 reads it; its peers as dictionaries."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pyroute2.netlink.generic.wireguard import wgmsg
    message = wgmsg(nl.message(30, 0, 1, struct.pack("=BBH", 1, 1, 0) + payload))
    message.decode()
    found = {name.removeprefix("WGDEVICE_A_"): value for name, value in message["attrs"]}
    found["PEERS"] = [
        {name.removeprefix("WGPEER_A_"): value for name, value in peer["attrs"]} for peer in found.get("PEERS", ())
    ]
    return found


def allowed(peer: dict[str, Any]) -> list[str]:
    return [one["addr"] for one in peer.get("ALLOWEDIPS", ())]


@given(CHANGES)
def test_a_change_as_another_implementation_reads_it(change: wg.Change) -> None:
    (payload,) = wg.encode_change("wg0", change)
    found = read(payload)
    assert found["IFNAME"] == "wg0"
    private_key = None if change.private_key is None else wg.key_text(change.private_key).encode()
    assert found.get("PRIVATE_KEY") == private_key
    assert found.get("LISTEN_PORT") == change.listen_port
    assert found.get("FWMARK") == change.mark
    assert found.get("FLAGS", 0) == int(change.replace_peers)
    gone, there = found["PEERS"][: len(change.remove_peers)], found["PEERS"][len(change.remove_peers) :]
    assert [(peer["PUBLIC_KEY"], peer["FLAGS"]) for peer in gone] == [
        (wg.key_text(key).encode(), 1) for key in change.remove_peers
    ]
    for peer, wanted in zip(there, change.set_peers, strict=True):
        assert (peer["PUBLIC_KEY"], peer["PRESHARED_KEY"]) == (
            wg.key_text(wanted.public_key).encode(), wg.key_text(wanted.preshared_key).encode(),
        )  # fmt: skip
        assert (peer["FLAGS"], peer["PERSISTENT_KEEPALIVE_INTERVAL"]) == (2, wanted.keepalive_s)
        assert [ipaddress.ip_network(text) for text in allowed(peer)] == list(wanted.allowed)
        if wanted.endpoint is None:
            assert "ENDPOINT" not in peer
        else:
            host, port = wanted.endpoint
            endpoint = peer["ENDPOINT"]
            assert (ipaddress.ip_address(endpoint["addr"]), endpoint["port"]) == (
                ipaddress.ip_address(host.partition("%")[0]), port,
            )  # fmt: skip


@given(st.integers(1, 400), st.integers(0, 3000))
@settings(max_examples=10, deadline=None)
def test_many_peers_and_many_addresses_go_in_several_requests(peers: int, addresses: int) -> None:
    networks = tuple(ipaddress.ip_network((0x0A000000 + number, 32)) for number in range(addresses))
    keys = [number.to_bytes(32, "big") for number in range(1, peers + 1)]
    many = [wg.Peer(key, allowed=networks if key == keys[0] else ()) for key in keys]
    payloads = wg.encode_change("wg0", wg.Change(private_key=bytes(32), replace_peers=True, set_peers=tuple(many)))
    requests = [read(payload) for payload in payloads]
    assert all(len(payload) < 65536 for payload in payloads)
    assert [request.get("FLAGS", 0) for request in requests] == [1] + [0] * (len(requests) - 1)
    named = [peer for request in requests for peer in request["PEERS"]]
    first = {peer["PUBLIC_KEY"]: peer for peer in reversed(named)}
    assert len(first) == peers
    assert {peer["FLAGS"] for peer in first.values()} == {2}, "what a peer had before is replaced with its first piece"
    assert [ipaddress.ip_network(text) for peer in named for text in allowed(peer)] == list(networks)


def dump(device: wg.Device, pieces: Iterable[tuple[wg.Peer, ...]]) -> list[memoryview]:
    """Messages of a kernel's answer, peers spread over them as given (wg_get_device_dump of its netlink.c)."""
    head = nl.attribute(6, struct.pack("=H", device.listen_port)) + nl.attribute(7, device.mark)
    head += nl.attribute(1, 9) + nl.attribute(2, device.name)
    if device.private_key != wg.NO_KEY:
        head += nl.attribute(3, device.private_key) + nl.attribute(4, device.public_key)
    found = []
    for piece in pieces:
        peers, before = b"", None
        for peer in piece:
            attrs = nl.attribute(1, peer.public_key)
            if before != peer.public_key:
                attrs += nl.attribute(2, peer.preshared_key) + nl.attribute(5, struct.pack("=H", peer.keepalive_s))
                attrs += nl.attribute(6, struct.pack("=qq", 0, 0)) + nl.attribute(7, struct.pack("=Q", peer.received))
                attrs += nl.attribute(8, struct.pack("=Q", peer.sent))
                if peer.endpoint is not None:
                    attrs += nl.attribute(4, wg.encode_endpoint(peer.endpoint))
            networks = b"".join(
                nl.attribute(nl.NLA_F_NESTED, nl.attribute(1, struct.pack("=H", 2 if net.version == 4 else 10))
                             + nl.attribute(2, net.network_address.packed) + nl.attribute(3, bytes([net.prefixlen])))
                for net in peer.allowed
            )  # fmt: skip
            peers += nl.attribute(nl.NLA_F_NESTED, attrs + nl.attribute(9 | nl.NLA_F_NESTED, networks))
        found.append(memoryview(head + nl.attribute(8 | nl.NLA_F_NESTED, peers)))
        head = b""
    return found


@given(
    st.builds(wg.Device, name=st.just("wg0"), private_key=KEYS, public_key=KEYS, listen_port=st.integers(0, 65535),
              mark=st.integers(0, 2**32 - 1),
              peers=st.lists(PEERS, max_size=5, unique_by=lambda peer: peer.public_key).map(tuple)),
    st.data(),
)  # fmt: skip
def test_a_link_reads_back_however_its_peers_are_spread(device: wg.Device, data: st.DataObject) -> None:
    if device.private_key == wg.NO_KEY:
        return
    cut = data.draw(st.integers(0, len(device.peers)))
    before, after = list(device.peers[:cut]), list(device.peers[cut:])
    if before:  # the last one's addresses go on in the next message
        whole = before[-1]
        middle = data.draw(st.integers(0, len(whole.allowed)))
        before[-1] = wg.Peer(**{**_fields(whole), "allowed": whole.allowed[:middle]})
        after.insert(0, wg.Peer(whole.public_key, allowed=whole.allowed[middle:]))
    # In the second message a peer that goes on has its key and addresses only.
    messages = dump(device, [tuple(before)])
    rest = dump(device, [(), tuple(after)])[1:] if not before else _continued(device, after)
    assert wg.decode_device([*messages, *rest]) == device


def _fields(peer: wg.Peer) -> dict[str, Any]:
    return {name: getattr(peer, name) for name in wg.Peer.__struct_fields__}


def _continued(device: wg.Device, after: list[wg.Peer]) -> list[memoryview]:
    first, *others = after
    networks = b"".join(
        nl.attribute(
            nl.NLA_F_NESTED, nl.attribute(2, net.network_address.packed) + nl.attribute(3, bytes([net.prefixlen]))
        )
        for net in first.allowed
    )
    attrs = nl.attribute(1, first.public_key) + nl.attribute(9 | nl.NLA_F_NESTED, networks)
    piece = nl.attribute(nl.NLA_F_NESTED, attrs)
    (whole,) = dump(device, [(), tuple(others)])[1:]
    peers = dict(nl.attributes(whole)).get(8, memoryview(b""))
    return [memoryview(nl.attribute(8 | nl.NLA_F_NESTED, piece + bytes(peers)))]


@given(st.lists(st.binary(max_size=400), max_size=4))
def test_any_bytes_decode_to_some_link(messages: list[bytes]) -> None:
    device = wg.decode_device(map(memoryview, messages))
    assert sum(len(peer.allowed) for peer in device.peers) <= sum(map(len, messages))


@given(st.lists(st.tuples(st.integers(1, 10), st.binary(max_size=60)), max_size=8))
def test_any_attributes_of_a_peer_decode_to_some_link(attributes: list[tuple[int, bytes]]) -> None:
    peer = b"".join(nl.attribute(number, value) for number, value in attributes)
    message = nl.attribute(8 | nl.NLA_F_NESTED, nl.attribute(nl.NLA_F_NESTED, peer))
    assert len(wg.decode_device([memoryview(message)]).peers) <= 1


@given(ENDPOINTS)
def test_an_endpoint_reads_back(endpoint: wg.Endpoint) -> None:
    host, port = endpoint
    assert wg.decode_endpoint(wg.encode_endpoint(endpoint)) == (str(ipaddress.ip_address(host)), port)


@given(KEYS)
def test_a_clamped_key_is_the_same_key(raw: bytes) -> None:
    clamped = wg.clamp(raw)
    assert wg.clamp(clamped) == clamped
    if raw != wg.NO_KEY:
        public = [X25519PrivateKey.from_private_bytes(one).public_key().public_bytes_raw() for one in (raw, clamped)]
        assert public[0] == public[1]
        assert (clamped[0] & 7, clamped[31] >> 6) == (0, 1)


def test_keys_are_base64_of_32_bytes() -> None:
    text = "yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk="  # wg(8), of its example
    assert wg.key_text(wg.key(text)) == text
    for wrong in ("", "x", text[:-1], text[:-4], text + text, f" {text}", "é"):
        with pytest.raises(ValueError, match="base64 of 32 bytes"):
            wg.key(wrong)


RECORDED = """
060006006cca00000800070007000000080001000200000008000200776730002400030000010101010101010101010101010101010101010101
0101010101010101014124000400a4e09292b651c278b9772c569f5fa9bb13d906b46ab68c9df9dc2b4409f8a209b0010880bc00008024000100
020202020202020202020202020202020202020202020202020202020202020224000200000102030405060708090a0b0c0d0e0f101112131415
161718191a1b1c1d1e1f140006000000000000000000000000000000000006000500190000000c00080000000000000000000c00070000000000
0000000008000a0001000000140004000200ca6d0a0900020000000000000000200009801c000080050003002000000006000100020000000800
02000ac80002f0000080240001000303030303030303030303030303030303030303030303030303030303030303240002000000000000000000
000000000000000000000000000000000000000000000000140006000000000000000000000000000000000006000500000000000c0008000000
0000000000000c000700000000000000000008000a0001000000200004000a00000900000000fd00000000000000000000000000000300000000
48000980280000800500030040000000060001000a00000014000200fd0002000000000000000000000000001c00008005000300100000000600
010002000000080002000ac90000
"""
"""what Linux 6.1 answered about a link that was given a key of ones, port 51820, mark 7 and two peers"""


def test_what_a_kernel_wrote() -> None:
    found = wg.decode_device([memoryview(bytes.fromhex(RECORDED))])
    assert found == wg.Device(
        name="wg0",
        private_key=wg.clamp(bytes([1]) * 32),
        public_key=X25519PrivateKey.from_private_bytes(bytes([1]) * 32).public_key().public_bytes_raw(),
        listen_port=51820,
        mark=7,
        peers=(
            wg.Peer(
                bytes([2]) * 32,
                bytes(range(32)),
                ("10.9.0.2", 51821),
                keepalive_s=25,
                allowed=(ipaddress.ip_network("10.200.0.2/32"),),
            ),
            wg.Peer(
                bytes([3]) * 32,
                endpoint=("fd00::3", 9),
                allowed=(ipaddress.ip_network("fd00:200::/64"), ipaddress.ip_network("10.201.0.0/16")),
            ),
        ),
    )
