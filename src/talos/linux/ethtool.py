"""What the driver of an Ethernet link says of it: over generic netlink, family ethtool.

One dump a kind of answer for all links of the network namespace; a driver that does not know one is left out of its
answer, and a kernel without the family answers nothing. Sources: Documentation/networking/ethtool-netlink.rst,
linux/ethtool_netlink.h, linux/genetlink.h. Byte order is the host's.
"""

from __future__ import annotations

import struct
from functools import lru_cache

from msgspec import Struct, field

from talos.linux import netlink as nl
from talos.linux.generic_netlink import GenericSocket

_LINKINFO, _LINKMODES, _LINKSTATE, _WOL, _FEATURES, _RINGS, _CHANNELS = 2, 4, 6, 9, 11, 15, 17
_HEADER, _DEV_NAME = 1, 2
_BITS, _INDEX, _NAME, _VALUE = 3, 1, 2, 3
_SPEED_UNKNOWN = 0xFFFFFFFF

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


class EthtoolSocket(GenericSocket):
    """Questions about the links of the network namespace in which the socket was opened. NetlinkError: this kernel does
    not know the family."""

    def __init__(self) -> None:
        super().__init__("ethtool")

    def links(self) -> dict[str, Ethernet]:
        """By name."""
        found: dict[str, Ethernet] = {}
        for kind in (_LINKSTATE, _LINKINFO, _LINKMODES, _FEATURES, _RINGS, _CHANNELS, _WOL):
            for content in self._replies(kind):
                name, rest = _split(content)
                if name:
                    fill(found.setdefault(name, Ethernet()), kind, rest)
        return found

    def _replies(self, kind: int) -> list[memoryview]:
        """What the kernel refuses (it does not know this kind yet) is an empty answer."""
        header = nl.attribute(_HEADER | nl.NLA_F_NESTED, b"")
        try:
            return self.dump(kind, header)
        except nl.NetlinkError:
            return []
