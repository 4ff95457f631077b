"""The frame that moves an address: as tcpdump prints it, and received on a link."""

from __future__ import annotations

import os
import socket
from ipaddress import IPv4Address

import pytest

from talos.linux import arp


def test_the_frame() -> None:
    """Gratuitous ARP, 10.5.0.50 is-at 02:00:00:00:00:01 (RFC 826)."""
    frame = arp.announcement(IPv4Address("10.5.0.50"), bytes.fromhex("020000000001"))
    head = "ffffffffffff" "020000000001" "0806"
    assert frame.hex() == head + "0001080006040001" "020000000001" "0a050032" "000000000000" "0a050032"
    reply = arp.announcement(IPv4Address("10.5.0.50"), bytes.fromhex("020000000001"), arp.REPLY)
    assert reply.hex() == head + "0001080006040002" "020000000001" "0a050032" "020000000001" "0a050032"


@pytest.mark.skipif(os.geteuid() != 0, reason="packet sockets need root")
def test_it_is_sent_on_the_link_that_is_named() -> None:
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0806)) as seen:
        seen.bind(("lo", 0x0806))
        seen.settimeout(10)
        arp.announce("lo", IPv4Address("192.0.2.50"))
        frame = seen.recv(100)
    assert frame[14:22].hex() == "0001080006040001" and frame[28:32] == IPv4Address("192.0.2.50").packed
    with pytest.raises(OSError, match="No such device"):
        arp.announce("nosuch0", IPv4Address("192.0.2.50"))
