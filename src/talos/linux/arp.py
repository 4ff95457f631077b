"""Telling a link that an address has moved here (RFC 5227, 3; RFC 826)."""

from __future__ import annotations

import ipaddress
import socket
import struct

_ETH_P_ARP = 0x0806
_BROADCAST = b"\xff" * 6
_HEAD = struct.Struct("!HHBBH6s4s6s4s")
REQUEST, REPLY = 1, 2


def announcement(address: ipaddress.IPv4Address, hardware: bytes, operation: int = REQUEST) -> bytes:
    """A frame to everyone: sender and target are both this address."""
    target = b"\0" * 6 if operation == REQUEST else hardware
    arp = _HEAD.pack(1, 0x0800, 6, 4, operation, hardware, address.packed, target, address.packed)
    return _BROADCAST + hardware + struct.pack("!H", _ETH_P_ARP) + arp


def announce(link_name: str, address: ipaddress.IPv4Address) -> None:
    """Send one as a request and one as a reply: some listen to the one, some to the other. OSError; nothing on a link
    without hardware addresses of six bytes."""
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK, 0) as sock:
        sock.bind((link_name, 0))
        hardware = sock.getsockname()[4]
        if len(hardware) == 6:
            for operation in (REQUEST, REPLY):
                sock.send(announcement(address, hardware, operation))
