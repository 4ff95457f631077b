"""DHCPv4 codec (RFC 2131, RFC 2132, RFC 3396, RFC 3442): messages as values, no input or output.

Everything that arrives comes from whoever shares the link: a message is either decoded whole or refused with
Dhcp4Error, an option with an impossible length is left out as if it had not been sent.
"""

from __future__ import annotations

import ipaddress
import struct

from msgspec import Struct, field

IPv4 = ipaddress.IPv4Address
UNSPECIFIED = IPv4(0)

SERVER_PORT, CLIENT_PORT = 67, 68
DISCOVER, OFFER, REQUEST, DECLINE, ACK, NAK, RELEASE, INFORM = range(1, 9)
BOOTREQUEST, BOOTREPLY = 1, 2
BROADCAST_FLAG = 0x8000

PAD, SUBNET_MASK, ROUTER, DNS, HOSTNAME, DOMAIN, MTU, NTP = 0, 1, 3, 6, 12, 15, 26, 42
REQUESTED_ADDRESS, LEASE_TIME, OVERLOAD, MESSAGE_TYPE, SERVER_ID, PARAMETERS = 50, 51, 52, 53, 54, 55
MESSAGE, MAX_SIZE, RENEWAL_TIME, REBINDING_TIME, CLIENT_ID = 56, 57, 58, 59, 61
SEARCH, CLASSLESS_ROUTES, END = 119, 121, 255

WANTED = (SUBNET_MASK, CLASSLESS_ROUTES, ROUTER, DNS, HOSTNAME, DOMAIN, SEARCH, MTU, NTP, LEASE_TIME, SERVER_ID,
          RENEWAL_TIME, REBINDING_TIME)  # fmt: skip

_HEAD = struct.Struct("!BBBBIHH4s4s4s4s16s64s128s")
_COOKIE = b"\x63\x82\x53\x63"
_MIN_SIZE = 300
"""BOOTP relays and servers drop shorter requests (RFC 1542, section 2.1)"""
_INFINITE = 0xFFFFFFFF


class Dhcp4Error(ValueError):
    """Bytes that are no DHCP message; the text says why."""


class Message(Struct, frozen=True):
    """One message. Addresses that are not set are 0.0.0.0."""

    op: int
    xid: int
    hardware_address: bytes
    options: dict[int, bytes] = field(default_factory=dict)
    seconds: int = 0
    flags: int = 0
    client: IPv4 = UNSPECIFIED
    yours: IPv4 = UNSPECIFIED
    server: IPv4 = UNSPECIFIED
    relay: IPv4 = UNSPECIFIED

    @property
    def kind(self) -> int:
        """DISCOVER … INFORM, 0 for a plain BOOTP message."""
        value = self.options.get(MESSAGE_TYPE, b"")
        return value[0] if len(value) == 1 else 0

    def address(self, option: int) -> IPv4 | None:
        """First address of an option."""
        found = self.addresses(option)
        return found[0] if found else None

    def addresses(self, option: int) -> list[IPv4]:
        """Addresses of an option; a length that is no multiple of four is no list of addresses."""
        value = self.options.get(option, b"")
        if len(value) % 4:
            return []
        return [IPv4(value[i : i + 4]) for i in range(0, len(value), 4)]

    def number(self, option: int) -> int | None:
        """A number of two or four bytes."""
        value = self.options.get(option, b"")
        return int.from_bytes(value, "big") if len(value) in (2, 4) else None

    def text(self, option: int) -> str:
        """A text without trailing zeros; empty when it is not printable ASCII: it becomes host names and log lines."""
        value = self.options.get(option, b"").rstrip(b"\0")
        return value.decode("ascii") if all(0x21 <= byte < 0x7F for byte in value) else ""


class Lease(Struct, frozen=True):
    """What a server granted, times in seconds from when the request was sent. lease_s None: for ever."""

    address: ipaddress.IPv4Interface
    server: IPv4
    lease_s: float | None
    renew_s: float
    rebind_s: float
    routes: tuple[tuple[ipaddress.IPv4Network, IPv4], ...] = ()
    """(destination, gateway); a gateway of 0.0.0.0 means that the destination is on the link"""
    dns: tuple[IPv4, ...] = ()
    ntp: tuple[IPv4, ...] = ()
    hostname: str = ""
    domain: str = ""
    search: tuple[str, ...] = ()
    mtu: int = 0


def encode(message: Message) -> bytes:
    """The UDP payload of a message."""
    head = _HEAD.pack(
        message.op, 1, len(message.hardware_address), 0, message.xid, message.seconds & 0xFFFF, message.flags,
        message.client.packed, message.yours.packed, message.server.packed, message.relay.packed,
        message.hardware_address, b"", b"",
    )  # fmt: skip
    body = b""
    for code, value in message.options.items():
        for start in range(0, len(value) or 1, 255):  # an option longer than 255 bytes is several (RFC 3396)
            chunk = value[start : start + 255]
            body += bytes((code, len(chunk))) + chunk
    return (head + _COOKIE + body + bytes((END,))).ljust(_MIN_SIZE, b"\0")


def decode(data: bytes) -> Message:
    """A message from the wire. Dhcp4Error."""
    if len(data) < _HEAD.size + 4:
        raise Dhcp4Error(f"{len(data)} bytes are too few for a DHCP message")
    op, kind, length, _hops, xid, seconds, flags, client, yours, server, relay, hardware, sname, file = (
        _HEAD.unpack_from(data)
    )
    if data[_HEAD.size : _HEAD.size + 4] != _COOKIE:
        raise Dhcp4Error("no DHCP message: its magic cookie is missing")
    if kind != 1 or length > 16:
        raise Dhcp4Error(f"hardware type {kind} with an address of {length} bytes is not Ethernet")
    options: dict[int, bytes] = {}
    _options(data[_HEAD.size + 4 :], options)
    overload = options.pop(OVERLOAD, b"\0")
    if len(overload) == 1 and overload[0] & 1:
        _options(file, options)
    if len(overload) == 1 and overload[0] & 2:
        _options(sname, options)
    return Message(
        op, xid, hardware[:length], options, seconds, flags, IPv4(client), IPv4(yours), IPv4(server), IPv4(relay)
    )


def _options(data: bytes, found: dict[int, bytes]) -> None:
    position = 0
    while position < len(data):
        code = data[position]
        position += 1
        if code == PAD:
            continue
        if code == END:
            return
        if position >= len(data) or position + 1 + data[position] > len(data):
            raise Dhcp4Error(f"option {code} is longer than the message")
        length = data[position]
        found[code] = found.get(code, b"") + data[position + 1 : position + 1 + length]
        position += 1 + length


def classless_routes(value: bytes) -> tuple[tuple[ipaddress.IPv4Network, IPv4], ...]:
    """Option 121 (RFC 3442); nothing at all when any part of it is malformed."""
    found = []
    position = 0
    while position < len(value):
        prefix = value[position]
        size = (prefix + 7) // 8
        end = position + 1 + size + 4
        if prefix > 32 or end > len(value):
            return ()
        destination = value[position + 1 : position + 1 + size].ljust(4, b"\0")
        network = ipaddress.IPv4Network((destination, prefix), strict=False)
        found.append((network, IPv4(value[end - 4 : end])))
        position = end
    return tuple(found)


def search_domains(value: bytes) -> tuple[str, ...]:
    """Option 119 (RFC 3397), names with compression pointers into the option itself; nothing when malformed."""
    found = []
    position = 0
    while position < len(value):
        name, position = _name(value, position)
        if position < 0:
            return ()
        if name:
            found.append(name)
    return tuple(found)


def _name(value: bytes, position: int) -> tuple[str, int]:
    """(name, position after it); position -1 when malformed. Pointers may only point back, so that they end."""
    labels: list[str] = []
    after = 0
    limit = position
    while True:
        if position >= len(value):
            return "", -1
        length = value[position]
        if length >= 0xC0:
            if position + 1 >= len(value):
                return "", -1
            target = (length & 0x3F) << 8 | value[position + 1]
            if target >= limit:
                return "", -1
            after = after or position + 2
            position = limit = target
            continue
        position += 1
        if length == 0:
            return ".".join(labels), after or position
        label = value[position : position + length]
        if length > 63 or len(label) < length or not all(0x21 <= byte < 0x7F for byte in label):
            return "", -1
        labels.append(label.decode("ascii"))
        position += length


def prefix_length(mask: IPv4 | None, address: IPv4) -> int:
    """Of a subnet mask; without one (or with holes in it) that of the address' class, as RFC 950 hosts had it."""
    if mask is not None:
        bits = f"{int(mask):032b}"
        if "01" not in bits:
            return bits.count("1")
    first = address.packed[0]
    return 8 if first < 128 else 16 if first < 192 else 24


def lease(message: Message) -> Lease | None:
    """What an OFFER or ACK grants; None when it lacks an address or a server."""
    server = message.address(SERVER_ID)
    address = message.yours
    if server is None or int(address) == 0 or address.is_multicast or address.is_loopback:
        return None
    seconds = message.number(LEASE_TIME)
    lease_s = None if seconds in (None, _INFINITE) else float(max(seconds or 0, 1))
    base = lease_s if lease_s is not None else float(_INFINITE)
    rebind = min(float(message.number(REBINDING_TIME) or base * 0.875), base)
    renew = min(float(message.number(RENEWAL_TIME) or base * 0.5), rebind)
    routes = classless_routes(message.options.get(CLASSLESS_ROUTES, b""))
    if not routes:  # where there are classless routes the router option must be ignored (RFC 3442)
        routes = tuple((ipaddress.IPv4Network("0.0.0.0/0"), router) for router in message.addresses(ROUTER)[:1])
    mtu = message.number(MTU) or 0
    return Lease(
        address=ipaddress.IPv4Interface((address, prefix_length(message.address(SUBNET_MASK), address))),
        server=server,
        lease_s=lease_s,
        renew_s=renew,
        rebind_s=rebind,
        routes=routes,
        dns=tuple(message.addresses(DNS)),
        ntp=tuple(message.addresses(NTP)),
        hostname=message.text(HOSTNAME),
        domain=message.text(DOMAIN).rstrip("."),
        search=search_domains(message.options.get(SEARCH, b"")),
        mtu=mtu if mtu >= 576 else 0,  # less is no MTU of IPv4 (RFC 2132, section 5.1: 68; no host works with that)
    )
