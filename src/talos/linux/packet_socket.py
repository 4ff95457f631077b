"""UDP over a packet socket (packet(7)): for a link that has no address yet, or whose address is not to be relied on.

The kernel filters: a classic BPF program lets through only IPv4 UDP to one port, so that a busy link does not wake the
process. A datagram between two virtual links comes with its checksum left to hardware that does not exist; the kernel
says so in PACKET_AUXDATA (TP_STATUS_CSUMNOTREADY), and only then a wrong checksum is accepted.
"""

from __future__ import annotations

import asyncio
import ctypes
import ipaddress
import socket
import struct
from collections.abc import Callable

ETH_P_IP = 0x0800
_SOL_PACKET = 263
_PACKET_AUXDATA = 8
_TP_STATUS_CSUMNOTREADY = 1 << 3
_SO_ATTACH_FILTER = 26
_IP_HEAD = struct.Struct("!BBHHHBBH4s4s")
_UDP_HEAD = struct.Struct("!HHHH")
_BROADCAST = b"\xff" * 6
_RECEIVE_SIZE = 65536
_KIND = socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC


def checksum(data: bytes) -> int:
    """RFC 1071."""
    if len(data) % 2:
        data += b"\0"
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def encode_udp(
    source: ipaddress.IPv4Address, destination: ipaddress.IPv4Address, ports: tuple[int, int], payload: bytes
) -> bytes:
    """An IPv4 packet with one datagram; ports are (source, destination)."""
    length = _UDP_HEAD.size + len(payload)
    pseudo = source.packed + destination.packed + struct.pack("!BBH", 0, 17, length)
    udp = _UDP_HEAD.pack(*ports, length, 0) + payload
    udp = _UDP_HEAD.pack(*ports, length, checksum(pseudo + udp) or 0xFFFF) + payload
    head = _IP_HEAD.pack(0x45, 0, 20 + length, 0, 0, 64, 17, 0, source.packed, destination.packed)
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + udp


def decode_udp(packet: bytes, port: int, *, checked: bool = True) -> tuple[ipaddress.IPv4Address, bytes] | None:
    """(source, payload) of an unfragmented datagram to port, None for anything else or damaged."""
    if len(packet) < 28:
        return None
    version, _tos, total, _id, fragment, _ttl, protocol, _sum, source, destination = _IP_HEAD.unpack_from(packet)
    head = (version & 15) * 4
    if version >> 4 != 4 or head < 20 or protocol != 17 or fragment & 0x3FFF or not head + 8 <= total <= len(packet):
        return None
    if checksum(packet[:head]) != 0:
        return None
    _source_port, to, length, udp_sum = _UDP_HEAD.unpack_from(packet, head)
    if to != port or not 8 <= length <= total - head:
        return None
    udp = packet[head : head + length]
    if checked and udp_sum and checksum(source + destination + struct.pack("!BBH", 0, 17, length) + udp) != 0:
        return None
    return ipaddress.IPv4Address(source), udp[8:]


def _filter(port: int) -> bytes:
    """BPF of a cooked packet socket, whose data begin at the IP header: UDP, no later fragment, this port."""
    program = (
        (0x30, 0, 0, 9),  # A = protocol
        (0x15, 0, 6, 17),  # UDP?
        (0x28, 0, 0, 6),  # A = fragment offset
        (0x45, 4, 0, 0x1FFF),
        (0xB1, 0, 0, 0),  # X = length of the IP header
        (0x48, 0, 0, 2),  # A = destination port
        (0x15, 0, 1, port),
        (0x06, 0, 0, 0x40000),  # take it
        (0x06, 0, 0, 0),  # drop it
    )
    return b"".join(struct.pack("=HBBI", *line) for line in program)


class UdpPacketSocket:
    """Datagrams to and from one UDP port of one link; received(source, payload) is called on the event loop."""

    def __init__(
        self, link_index: int, port: int, received: Callable[[ipaddress.IPv4Address, bytes], None]
    ) -> None:
        self._index = link_index
        self._port = port
        self._received = received
        # Protocol 0 until it is bound: from any other link nothing arrives in between.
        self._socket = socket.socket(socket.AF_PACKET, _KIND, 0)
        try:
            program = _filter(port)
            buffer = ctypes.create_string_buffer(program, len(program))
            attached = struct.pack("=H6xQ", len(program) // 8, ctypes.addressof(buffer))
            self._socket.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, attached)
            self._socket.setsockopt(_SOL_PACKET, _PACKET_AUXDATA, 1)
            self._socket.bind((socket.if_indextoname(link_index), ETH_P_IP))
        except BaseException:
            self._socket.close()
            raise
        asyncio.get_running_loop().add_reader(self._socket.fileno(), self._readable)

    def _readable(self) -> None:
        while True:
            try:
                packet, ancillary, _flags, _address = self._socket.recvmsg(_RECEIVE_SIZE, 64)
            except BlockingIOError:
                return
            except OSError:  # ENETDOWN: the link went down; its monitor tells
                return
            checked = True
            for level, kind, data in ancillary:
                if level == _SOL_PACKET and kind == _PACKET_AUXDATA and len(data) >= 4:
                    checked = not struct.unpack_from("=I", data)[0] & _TP_STATUS_CSUMNOTREADY
            datagram = decode_udp(packet, self._port, checked=checked)
            if datagram is not None:
                self._received(*datagram)

    def broadcast(self, port: int, payload: bytes, source: ipaddress.IPv4Address) -> None:
        """Send to everyone on the link. OSError when it is down."""
        packet = encode_udp(source, ipaddress.IPv4Address("255.255.255.255"), (self._port, port), payload)
        self._socket.sendto(packet, (socket.if_indextoname(self._index), ETH_P_IP, 0, 0, _BROADCAST))

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self._socket.fileno())
        self._socket.close()


def unicast(
    link_name: str, source: tuple[ipaddress.IPv4Address, int], to: tuple[ipaddress.IPv4Address, int], payload: bytes
) -> None:
    """One datagram from an address that the link has; the kernel routes and resolves. OSError."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, link_name.encode() + b"\0")
        sock.bind((str(source[0]), source[1]))
        sock.setblocking(False)
        sock.sendto(payload, (str(to[0]), to[1]))
