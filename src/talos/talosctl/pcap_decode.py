"""A capture file (draft-ietf-opsawg-pcap) as lines: time, addresses, protocol, length. No more than a first look needs:
who asks for the rest writes a file and opens it elsewhere."""

from __future__ import annotations

import struct
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import TextIO

_MAGIC = {0xA1B2C3D4: 1_000, 0xA1B23C4D: 1}
"""magic number: nanoseconds that one unit of a packet's fraction stands for"""
_FILE_HEADER, _PACKET_HEADER = 24, 16
_ETHERNET, _RAW, _LINUX_COOKED = 1, 101, 113
_IPV4, _IPV6, _ARP, _VLAN = 0x0800, 0x86DD, 0x0806, 0x8100
_NAMES = {1: "ICMP", 2: "IGMP", 17: "UDP", 58: "ICMP6", 89: "OSPF", 132: "SCTP"}
_TCP_FLAGS = "FSRP.UEW"


class Printer:
    """Takes the bytes of a capture file as they come, prints its packets."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._buffer = bytearray()
        self._order = ""
        self._unit_ns = 0
        self._link = 0

    def write(self, data: bytes) -> None:
        """Raises ValueError if it is no capture file."""
        self._buffer += data
        if not self._order and not self._begin():
            return
        while len(self._buffer) >= _PACKET_HEADER:
            seconds, fraction, length, original = struct.unpack_from(f"{self._order}IIII", self._buffer)
            if len(self._buffer) < _PACKET_HEADER + length:
                return
            packet = bytes(self._buffer[_PACKET_HEADER : _PACKET_HEADER + length])
            del self._buffer[: _PACKET_HEADER + length]
            stamp = datetime.fromtimestamp(seconds, UTC).strftime("%H:%M:%S")
            micros = fraction * self._unit_ns // 1000
            self._out.write(f"{stamp}.{micros:06d} {describe(packet, self._link)}, length {original}\n")

    def flush(self) -> None:
        self._out.flush()

    def _begin(self) -> bool:
        if len(self._buffer) < _FILE_HEADER:
            return False
        for order in "<>":
            magic, *_, link = struct.unpack_from(f"{order}IHHiIII", self._buffer)
            if magic in _MAGIC:
                self._order, self._unit_ns, self._link = order, _MAGIC[magic], link & 0xFFFF
                del self._buffer[:_FILE_HEADER]
                return True
        raise ValueError("the node's answer is no packet capture")


def describe(packet: bytes, link: int) -> str:
    """One packet in words; what is cut off or unknown is said to be."""
    try:
        if link == _ETHERNET:
            kind, at = struct.unpack_from("!H", packet, 12)[0], 14
            if kind == _VLAN:
                kind, at = struct.unpack_from("!H", packet, 16)[0], 18
        elif link == _LINUX_COOKED:
            kind, at = struct.unpack_from("!H", packet, 14)[0], 16
        elif link == _RAW:
            kind, at = (_IPV6 if packet[0] >> 4 == 6 else _IPV4), 0
        else:
            return f"link type {link}"
        body = packet[at:]
        if kind == _IPV4:
            return _ipv4(body)
        if kind == _IPV6:
            return _transport("IP6", body[8:24], body[24:40], body[6], body[40:])
        if kind == _ARP:
            return f"ARP {_address(body[14:18])} asks for {_address(body[24:28])}"
        return f"ethertype 0x{kind:04x}"
    except (struct.error, IndexError, ValueError):
        return "cut off"


def _ipv4(body: bytes) -> str:
    if struct.unpack_from("!H", body, 6)[0] & 0x1FFF:
        return f"IP {_address(body[12:16])} > {_address(body[16:20])}: later fragment"
    return _transport("IP", body[12:16], body[16:20], body[9], body[(body[0] & 15) * 4 :])


def _transport(family: str, source: bytes, target: bytes, protocol: int, body: bytes) -> str:
    names = _address(source), _address(target)
    if protocol in (6, 17):
        ports = struct.unpack_from("!HH", body)
        what = _flags(body) if protocol == 6 else "UDP"
        return f"{family} {names[0]}.{ports[0]} > {names[1]}.{ports[1]}: {what}"
    return f"{family} {names[0]} > {names[1]}: {_NAMES.get(protocol, f'protocol {protocol}')}"


def _flags(body: bytes) -> str:
    set_ones = "".join(letter for bit, letter in enumerate(_TCP_FLAGS) if body[13] & 1 << bit)
    return f"TCP flags [{set_ones or 'none'}]"


def _address(data: bytes) -> str:
    return str(ip_address(data))
