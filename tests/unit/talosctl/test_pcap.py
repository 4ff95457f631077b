"""Packets as lines, and filters as the kernel takes them."""

from __future__ import annotations

import io
import struct

import click
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from talos.talosctl.pcap import instructions
from talos.talosctl.pcap_decode import Printer, describe

IPV4_TCP = bytes.fromhex("45000028000040004006000a0a4d00020a4d0003") + struct.pack(
    "!HHIIBBHHH", 443, 55555, 1, 2, 0x50, 0x12, 9, 0, 0
)
ETHERNET = bytes(12) + b"\x08\x00"


def capture(*packets: bytes, order: str = "<", link: int = 1) -> bytes:
    out = struct.pack(f"{order}IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, link)
    for packet in packets:
        out += struct.pack(f"{order}IIII", 3661, 42, len(packet), len(packet)) + packet
    return out


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("chunk", [1, 7, 1000])
def test_packets_come_in_any_pieces(order: str, chunk: int) -> None:
    out = io.StringIO()
    printer = Printer(out)
    data = capture(ETHERNET + IPV4_TCP, ETHERNET + IPV4_TCP, order=order)
    for at in range(0, len(data), chunk):
        printer.write(data[at : at + chunk])
    line = "01:01:01.000042 IP 10.77.0.2.443 > 10.77.0.3.55555: TCP flags [S.], length 54\n"
    assert out.getvalue() == line * 2


@pytest.mark.parametrize(
    ("packet", "link", "text"),
    [
        (IPV4_TCP, 101, "IP 10.77.0.2.443 > 10.77.0.3.55555: TCP flags [S.]"),
        (bytes(12) + b"\x81\x00\x00\x05\x08\x00" + IPV4_TCP, 1, "IP 10.77.0.2.443 > 10.77.0.3.55555: TCP flags [S.]"),
        (ETHERNET + IPV4_TCP[:22], 1, "cut off"),
        (
            bytes(12) + b"\x08\x06" + bytes(14) + bytes([10, 0, 0, 1]) + bytes(6) + bytes([10, 0, 0, 2]),
            1,
            "ARP 10.0.0.1 asks for 10.0.0.2",
        ),
        (bytes(12) + b"\x88\xcc", 1, "ethertype 0x88cc"),
        (b"", 1, "cut off"),
        (b"x", 9, "link type 9"),
    ],
)
def test_packets_in_words(packet: bytes, link: int, text: str) -> None:
    assert describe(packet, link) == text


@settings(max_examples=50, deadline=None)
@given(st.binary(max_size=80), st.sampled_from([1, 101, 113, 5]))
def test_no_packet_stops_it(packet: bytes, link: int) -> None:
    assert describe(packet, link)


def test_what_is_no_capture_is_refused() -> None:
    with pytest.raises(ValueError, match="capture"):
        Printer(io.StringIO()).write(b"x" * 30)


def test_filters_are_what_tcpdump_prints() -> None:
    found = instructions("{ 0x28, 0, 0, 0x0000000c },\n{ 0x15, 0, 8, 0x000086dd },\n{ 0x6, 0, 0, 0x00040000 },\n")
    assert [(i.op, i.jt, i.jf, i.k) for i in found] == [(0x28, 0, 0, 12), (0x15, 0, 8, 0x86DD), (6, 0, 0, 0x40000)]
    assert instructions("") == []
    with pytest.raises(click.UsageError, match="tcpdump -dd"):
        instructions("tcp port 7445")
