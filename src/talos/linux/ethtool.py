"""What the driver of an Ethernet link says of it: over generic netlink, family ethtool.

One dump a kind of answer for all links of the network namespace; a driver that does not know one is left out of its
answer, and a kernel without the family answers nothing. Sources: Documentation/networking/ethtool-netlink.rst,
linux/ethtool_netlink.h, linux/genetlink.h. Byte order is the host's.
"""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterator
from functools import lru_cache
from types import TracebackType

from msgspec import Struct, field

from talos.linux import netlink as nl

_NETLINK_GENERIC = 16
_CONTROL, _GET_FAMILY, _FAMILY_ID, _FAMILY_NAME = 16, 3, 1, 2
_LINKINFO, _LINKMODES, _LINKSTATE, _WOL, _FEATURES, _RINGS, _CHANNELS = 2, 4, 6, 9, 11, 15, 17
_HEADER, _DEV_NAME = 1, 2
_BITS, _INDEX, _NAME, _VALUE = 3, 1, 2, 3
_SPEED_UNKNOWN = 0xFFFFFFFF
_RECEIVE_SIZE = 1 << 17

RINGS = ("rx_max", "rx_mini_max", "rx_jumbo_max", "tx_max", "rx", "rx_mini", "rx_jumbo", "tx", "rx_buf_len",
         "tcp_data_split", "cqe_size", "tx_push", "rx_push", "tx_push_buf_len", "tx_push_buf_len_max")  # fmt: skip
"""names of the attributes from 2 on"""
CHANNELS = ("rx_max", "tx_max", "other_max", "combined_max", "rx", "tx", "other", "combined")


class Ethernet(Struct):
    """One link. None, or empty: its driver does not say."""

    link: bool | None = None
    port: int | None = None
    speed_mbit: int | None = None
    duplex: int | None = None
    our_modes: list[str] = field(default_factory=list)
    peer_modes: list[str] = field(default_factory=list)
    features: dict[str, str] = field(default_factory=dict)
    """name → on or off, with [fixed] or [requested on] as ethtool(8) prints them"""
    rings: dict[str, int] = field(default_factory=dict)
    channels: dict[str, int] = field(default_factory=dict)
    wake_on_lan: list[int] = field(default_factory=list)
    """bits of those that are on"""


def bits(data: memoryview) -> list[tuple[int, str, bool]]:
    """(index, name, value) of a bitset in its long form. A list without mask names the set bits only, without value."""
    found = []
    for number, nested in nl.attributes(data):
        if number != _BITS:
            continue
        for _, bit in nl.attributes(nested):
            index, name, value = 0, "", False
            for kind, content in nl.attributes(bit):
                if kind == _INDEX and len(content) == 4:
                    (index,) = struct.unpack("=I", content)
                elif kind == _NAME:
                    name = bytes(content).rstrip(b"\0").decode(errors="replace")
                elif kind == _VALUE:
                    value = True
            found.append((index, name, value))
    return found


@lru_cache(maxsize=64)
def features(content: bytes) -> dict[str, str]:
    """Of a FEATURES_GET reply after its header. Kept by content: the links of pods are all alike, and there may be
    hundreds."""
    sets = {number: bits(value) for number, value in nl.attributes(memoryview(content))}
    hardware = sets.get(2, ())
    wanted, active, unchangeable = ({name for _, name, _ in sets.get(number, ())} for number in (3, 4, 5))
    found = {}
    for _, name, changeable in hardware:
        if not name:
            continue  # a bit without meaning any more
        text = "on" if name in active else "off"
        if not changeable or name in unchangeable:
            text += " [fixed]"
        elif (name in wanted) != (name in active):
            text += f" [requested {'on' if name in wanted else 'off'}]"
        found[name] = text
    return found


def fill(link: Ethernet, kind: int, content: memoryview) -> None:
    """One reply's attributes, its header apart."""
    if kind == _FEATURES:
        link.features = features(bytes(content))
        return
    for number, value in nl.attributes(content):
        match kind, number:
            case (2, 2):
                link.port = _number(value)
            case (4, 3):
                link.our_modes = [name for _, name, on in bits(value) if on]
            case (4, 4):
                link.peer_modes = [name for _, name, _ in bits(value)]
            case (4, 5):
                speed = _number(value)
                link.speed_mbit = None if speed in (0, _SPEED_UNKNOWN) else speed
            case (4, 6):
                link.duplex = _number(value)
            case (6, 2):
                link.link = bool(_number(value))
            case (9, 2):
                link.wake_on_lan = [1 << index for index, _, on in bits(value) if on]
            case (15, number) if 2 <= number < 2 + len(RINGS):
                link.rings[RINGS[number - 2]] = _number(value)
            case (17, number) if 2 <= number < 2 + len(CHANNELS):
                link.channels[CHANNELS[number - 2]] = _number(value)


def _number(value: memoryview) -> int:
    return int.from_bytes(value, "little" if struct.pack("=H", 1)[0] else "big")


def _split(content: memoryview) -> tuple[str, memoryview]:
    """Name of the link, and what follows the header, which the kernel writes first."""
    name, length = "", 0
    for number, value in nl.attributes(content):
        if number == _HEADER:
            length = (len(value) + 7) & ~3
            for kind, text in nl.attributes(value):
                if kind == _DEV_NAME:
                    name = bytes(text).rstrip(b"\0").decode(errors="replace")
        break
    return name, content[length:]


class EthtoolSocket:
    """Questions about the links of the network namespace in which the socket was opened. NetlinkError: this kernel does
    not know the family."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, _NETLINK_GENERIC)
        self._sequence = 0
        try:
            self._socket.bind((0, 0))
            self._family = self._family_id("ethtool")
        except BaseException:
            self._socket.close()
            raise

    def close(self) -> None:
        self._socket.close()

    def __enter__(self) -> EthtoolSocket:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def links(self) -> dict[str, Ethernet]:
        """By name."""
        found: dict[str, Ethernet] = {}
        for kind in (_LINKSTATE, _LINKINFO, _LINKMODES, _FEATURES, _RINGS, _CHANNELS, _WOL):
            for content in self._dump(kind):
                name, rest = _split(content)
                if name:
                    fill(found.setdefault(name, Ethernet()), kind, rest)
        return found

    def _dump(self, kind: int) -> list[memoryview]:
        """What the kernel refuses (it does not know this kind yet) is an empty answer."""
        header = nl.attribute(_HEADER | nl.NLA_F_NESTED, b"")
        try:
            return list(self._ask(self._family, kind, nl.NLM_F_DUMP, header))
        except nl.NetlinkError:
            return []

    def _family_id(self, name: str) -> int:
        for content in self._ask(_CONTROL, _GET_FAMILY, 0, nl.attribute(_FAMILY_NAME, name)):
            for number, value in nl.attributes(content):
                if number == _FAMILY_ID:
                    return _number(value)
        raise nl.NetlinkError(2, f"no netlink family {name}")

    def _ask(self, family: int, command: int, flags: int, payload: bytes) -> Iterator[memoryview]:
        """Attributes of each message of the answer."""
        self._sequence += 1
        head = struct.pack("=BBH", command, 1, 0)
        self._socket.send(nl.message(family, nl.NLM_F_REQUEST | flags, self._sequence, head + payload))
        while True:
            for msg in nl.messages(self._socket.recv(_RECEIVE_SIZE)):
                if msg.sequence != self._sequence:
                    continue
                if msg.kind == nl.NLMSG_ERROR and (code := nl.error_code(msg)):
                    raise nl.NetlinkError(code, f"{os.strerror(code)}: ethtool {command}")
                if msg.kind in (nl.NLMSG_DONE, nl.NLMSG_ERROR):
                    return
                yield msg.payload[4:]
                if not flags & nl.NLM_F_DUMP:
                    return
