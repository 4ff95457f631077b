"""The DHCPv4 codec: whole messages, hostile bytes, and what an answer grants."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from talos.linux import dhcp4
from talos.linux.dhcp4 import Message
from talos.linux.packet_socket import decode_udp, encode_udp

IP = ipaddress.IPv4Address
addresses = st.ip_addresses(v=4)
codes = st.integers(1, 254).filter(lambda code: code != dhcp4.OVERLOAD)
options = st.dictionaries(codes, st.binary(max_size=600), max_size=8)


@given(
    st.builds(
        Message,
        op=st.sampled_from([1, 2]),
        xid=st.integers(0, 2**32 - 1),
        hardware_address=st.binary(min_size=6, max_size=6),
        options=options,
        seconds=st.integers(0, 65535),
        flags=st.integers(0, 65535),
        client=addresses,
        yours=addresses,
        server=addresses,
        relay=addresses,
    )
)
def test_message_round_trip(message: Message) -> None:
    encoded = dhcp4.encode(message)
    assert len(encoded) >= 300
    assert dhcp4.decode(encoded) == message


@given(st.binary(max_size=700))
def test_any_bytes_are_a_message_or_refused(tail: bytes) -> None:
    for data in (tail, bytes([2, 1, 6, 0]) + bytes(232) + b"\x63\x82\x53\x63" + tail):
        try:
            message = dhcp4.decode(data)
        except dhcp4.Dhcp4Error:
            continue
        granted = dhcp4.lease(message)
        assert granted is None or granted.renew_s <= granted.rebind_s
        assert all(0x21 <= ord(letter) < 0x7F for letter in message.text(dhcp4.HOSTNAME))


@given(st.binary(max_size=120))
def test_any_bytes_as_lists(value: bytes) -> None:
    assert all(network.prefixlen <= 32 for network, _gateway in dhcp4.classless_routes(value))
    assert all(len(name) < 16384 for name in dhcp4.search_domains(value))


def test_search_list_with_a_pointer() -> None:
    # RFC 3397, section 2: eng.apple.com. and marketing.apple.com.
    value = b"\x03eng\x05apple\x03com\x00\x09marketing\xc0\x04"
    assert dhcp4.search_domains(value) == ("eng.apple.com", "marketing.apple.com")


@pytest.mark.parametrize("value", [b"\xc0\x00", b"\x03abc\xc0\x05\x00", b"\x3f", b"\x01a"])
def test_search_list_that_never_ends(value: bytes) -> None:
    assert dhcp4.search_domains(value) == ()


def test_classless_routes() -> None:
    value = bytes([0, 10, 0, 0, 1, 16, 172, 16, 10, 0, 0, 2, 32, 10, 0, 0, 9, 0, 0, 0, 0])
    assert [(str(network), str(gateway)) for network, gateway in dhcp4.classless_routes(value)] == [
        ("0.0.0.0/0", "10.0.0.1"),
        ("172.16.0.0/16", "10.0.0.2"),
        ("10.0.0.9/32", "0.0.0.0"),
    ]
    assert dhcp4.classless_routes(value[:-1]) == ()


def ack(**more: bytes) -> Message:
    given = {
        dhcp4.MESSAGE_TYPE: b"\x05",
        dhcp4.SERVER_ID: IP("10.0.0.1").packed,
        dhcp4.SUBNET_MASK: IP("255.255.255.0").packed,
        dhcp4.LEASE_TIME: (3600).to_bytes(4, "big"),
        dhcp4.ROUTER: IP("10.0.0.1").packed,
    }
    given |= {getattr(dhcp4, name): value for name, value in more.items()}
    return Message(dhcp4.BOOTREPLY, 1, b"\2" * 6, given, yours=IP("10.0.0.7"))


def test_lease_with_default_times_and_router() -> None:
    lease = dhcp4.lease(ack())
    assert lease is not None
    assert str(lease.address) == "10.0.0.7/24"
    assert (lease.renew_s, lease.rebind_s, lease.lease_s) == (1800, 3150, 3600)
    assert lease.routes == ((ipaddress.IPv4Network("0.0.0.0/0"), IP("10.0.0.1")),)


def test_classless_routes_replace_the_router() -> None:
    lease = dhcp4.lease(ack(CLASSLESS_ROUTES=bytes([8, 10, 10, 0, 0, 2])))
    assert lease is not None
    assert [str(network) for network, _ in lease.routes] == ["10.0.0.0/8"]


def test_for_ever_and_senseless_times() -> None:
    lease = dhcp4.lease(ack(LEASE_TIME=b"\xff" * 4))
    assert lease is not None
    assert lease.lease_s is None
    lease = dhcp4.lease(ack(LEASE_TIME=bytes(4), RENEWAL_TIME=b"\xff" * 4))
    assert lease is not None
    assert lease.renew_s <= lease.rebind_s <= 1.0


def test_what_grants_nothing() -> None:
    for address in ("0.0.0.0", "224.0.0.1", "127.0.0.1"):
        assert dhcp4.lease(Message(2, 1, b"", ack().options, yours=IP(address))) is None
    assert dhcp4.lease(ack(SERVER_ID=b"\1")) is None


def test_host_name_that_is_none_is_left_out() -> None:
    lease = dhcp4.lease(ack(HOSTNAME=b"a b\nc", MTU=b"\0\x10"))
    assert lease is not None
    assert (lease.hostname, lease.mtu) == ("", 0)


@given(addresses, addresses, st.integers(0, 65535), st.integers(0, 65535), st.binary(max_size=900))
def test_datagram_round_trip(source: IP, destination: IP, port: int, to: int, payload: bytes) -> None:
    packet = encode_udp(source, destination, (port, to), payload)
    assert decode_udp(packet + bytes(6), to) == (source, payload)  # Ethernet pads short frames
    assert decode_udp(packet, (to + 1) & 0xFFFF) is None


@given(st.binary(max_size=100), st.integers(0, 127), st.integers(1, 255))
def test_a_damaged_datagram_is_none(payload: bytes, place: int, change: int) -> None:
    packet = bytearray(encode_udp(IP("10.0.0.1"), IP("10.0.0.2"), (67, 68), payload))
    packet[place % len(packet)] ^= change
    assume(packet[26:28] != b"\0\0")  # a sum of zero says that there is none
    assert decode_udp(bytes(packet), 68) is None


@given(st.binary(max_size=80))
def test_any_bytes_as_a_datagram(data: bytes) -> None:
    assert decode_udp(data, 68) is None or len(data) >= 28
