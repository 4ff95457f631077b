"""WireGuard links of the kernel: their keys and peers over generic netlink, family wireguard.

A link itself is made and removed by rtnetlink like any other; here is what wg(8) sets and shows of it. Sources:
linux/wireguard.h, drivers/net/wireguard/netlink.c, wg(8). Numbers are in the host's byte order, addresses in the
network's.

What the kernel does with a key: a private one is clamped as Curve25519 has it, and read back so; one of zeros means
none. An allowed address belongs to one peer: the last that names it takes it from the others.
"""

from __future__ import annotations

import ipaddress
import socket
import struct
import sys
from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator

import msgspec
from msgspec import Struct

from talos.linux import netlink as nl
from talos.linux.generic_netlink import GenericSocket

FAMILY = "wireguard"
KEY_BYTES = 32
NO_KEY = bytes(KEY_BYTES)
_GET_DEVICE, _SET_DEVICE = 0, 1
_IFINDEX, _IFNAME, _PRIVATE_KEY, _PUBLIC_KEY, _FLAGS, _LISTEN_PORT, _FWMARK, _PEERS = range(1, 9)
_REPLACE_PEERS = 1
_PEER_KEY, _PRESHARED_KEY, _PEER_FLAGS, _ENDPOINT, _KEEPALIVE, _HANDSHAKE, _RX, _TX, _ALLOWED = range(1, 10)
_REMOVE_ME, _REPLACE_ALLOWED, _UPDATE_ONLY = 1, 2, 4
_ALLOWED_FAMILY, _ALLOWED_ADDRESS, _ALLOWED_PREFIX = 1, 2, 3
_SOCKADDR_IN = struct.Struct("=H2s4s8x")  # port and address in the network's byte order
_SOCKADDR_IN6 = struct.Struct("=H2sI16sI")
_MESSAGE_BYTES = 16384
"""of one change: an attribute's length has 16 bits, and all peers are one attribute"""

Endpoint = tuple[str, int]
"""address and port; an IPv6 address with %INDEX of the link if it is of that link only"""
Allowed = ipaddress.IPv4Network | ipaddress.IPv6Network


class Peer(Struct, frozen=True):
    """A peer as the kernel has it, or shall have it."""

    public_key: bytes
    preshared_key: bytes = NO_KEY
    endpoint: Endpoint | None = None
    keepalive_s: int = 0
    allowed: tuple[Allowed, ...] = ()
    handshake: float = 0.0
    """time of the last one, seconds since 1970; 0 before the first"""
    received: int = 0
    """bytes"""
    sent: int = 0


class Device(Struct, frozen=True):
    """A WireGuard link. private_key NO_KEY: it has none."""

    name: str = ""
    private_key: bytes = NO_KEY
    public_key: bytes = NO_KEY
    listen_port: int = 0
    mark: int = 0
    peers: tuple[Peer, ...] = ()


class Change(Struct, frozen=True):
    """What is told to the kernel about a link; None stays as it is."""

    private_key: bytes | None = None
    listen_port: int | None = None
    mark: int | None = None
    replace_peers: bool = False
    """peers that are not named go"""
    set_peers: tuple[Peer, ...] = ()
    """added or changed: everything of them is as said, but an endpoint that is None stays"""
    remove_peers: tuple[bytes, ...] = ()

    def __bool__(self) -> bool:
        return self != Change()


def key(text: str) -> bytes:
    """A key as wg(8) writes it: base64 of 32 bytes. ValueError."""
    try:
        found = b64decode(text, validate=True)
    except ValueError as error:  # binascii.Error, and what is no ASCII
        raise ValueError("not base64 of 32 bytes") from error
    if len(found) != KEY_BYTES:
        raise ValueError("not base64 of 32 bytes")
    return found


def key_text(raw: bytes) -> str:
    """As wg(8) writes it."""
    return b64encode(raw).decode()


def clamp(private_key: bytes) -> bytes:
    """The private key that the kernel makes of these bytes (RFC 7748, section 5: decodeScalar25519)."""
    if private_key == NO_KEY:
        return NO_KEY
    return bytes([private_key[0] & 0xF8, *private_key[1:31], (private_key[31] & 0x7F) | 0x40])


# -- to the kernel --


def encode_endpoint(endpoint: Endpoint) -> bytes:
    """struct sockaddr_in or sockaddr_in6."""
    host, port = endpoint
    address = ipaddress.ip_address(host)
    ports = port.to_bytes(2, "big")
    if isinstance(address, ipaddress.IPv4Address):
        return _SOCKADDR_IN.pack(socket.AF_INET, ports, address.packed)
    return _SOCKADDR_IN6.pack(socket.AF_INET6, ports, 0, address.packed, int(address.scope_id or 0))


def _encode_allowed(network: Allowed) -> bytes:
    family = socket.AF_INET if network.version == 4 else socket.AF_INET6
    return nl.attribute(
        nl.NLA_F_NESTED,
        nl.attribute(_ALLOWED_FAMILY, struct.pack("=H", family))
        + nl.attribute(_ALLOWED_ADDRESS, network.network_address.packed)
        + nl.attribute(_ALLOWED_PREFIX, bytes([network.prefixlen])),
    )


def _encode_peer(peer: Peer) -> Iterator[bytes]:
    """A peer's attributes in as many pieces as its allowed addresses need."""
    head = nl.attribute(_PEER_KEY, peer.public_key)
    first = head + nl.attribute(_PEER_FLAGS, _REPLACE_ALLOWED) + nl.attribute(_PRESHARED_KEY, peer.preshared_key)
    if peer.endpoint is not None:
        first += nl.attribute(_ENDPOINT, encode_endpoint(peer.endpoint))
    first += nl.attribute(_KEEPALIVE, struct.pack("=H", peer.keepalive_s))
    allowed = b""
    for network in peer.allowed:
        if len(allowed) >= _MESSAGE_BYTES:
            yield first + nl.attribute(_ALLOWED | nl.NLA_F_NESTED, allowed)
            # Only if it is still there: our own key as a peer's is passed over by the kernel, in all its pieces.
            first, allowed = head + nl.attribute(_PEER_FLAGS, _UPDATE_ONLY), b""
        allowed += _encode_allowed(network)
    yield first + nl.attribute(_ALLOWED | nl.NLA_F_NESTED, allowed)


def encode_change(name: str, change: Change) -> list[bytes]:
    """Payloads of the requests that carry out a change, in order; there is at least one."""
    link = nl.attribute(_IFNAME, name)
    head = link
    if change.private_key is not None:
        head += nl.attribute(_PRIVATE_KEY, change.private_key)
    if change.listen_port is not None:
        head += nl.attribute(_LISTEN_PORT, struct.pack("=H", change.listen_port))
    if change.mark is not None:
        head += nl.attribute(_FWMARK, change.mark)
    if change.replace_peers:
        head += nl.attribute(_FLAGS, _REPLACE_PEERS)
    pieces = [nl.attribute(_PEER_KEY, one) + nl.attribute(_PEER_FLAGS, _REMOVE_ME) for one in change.remove_peers]
    pieces += [piece for peer in change.set_peers for piece in _encode_peer(peer)]
    found, peers = [], b""
    for piece in pieces:
        if peers and len(peers) + len(piece) > 2 * _MESSAGE_BYTES:
            found.append(head + nl.attribute(_PEERS | nl.NLA_F_NESTED, peers))
            head, peers = link, b""
        peers += nl.attribute(nl.NLA_F_NESTED, piece)
    return [*found, head + (nl.attribute(_PEERS | nl.NLA_F_NESTED, peers) if peers else b"")]


# -- from the kernel --


def decode_endpoint(raw: bytes) -> Endpoint | None:
    """Of a sockaddr; None for one that is neither IPv4 nor IPv6."""
    family = int.from_bytes(raw[:2], sys.byteorder)
    if family == socket.AF_INET and len(raw) >= _SOCKADDR_IN.size:
        _, port, packed = _SOCKADDR_IN.unpack_from(raw)
        return str(ipaddress.IPv4Address(packed)), int.from_bytes(port, "big")
    if family == socket.AF_INET6 and len(raw) >= _SOCKADDR_IN6.size:
        _, port, _flow, packed, scope = _SOCKADDR_IN6.unpack_from(raw)
        host = str(ipaddress.IPv6Address(packed))
        return f"{host}%{scope}" if scope else host, int.from_bytes(port, "big")
    return None


def _decode_allowed(data: memoryview) -> Iterator[Allowed]:
    for _, value in nl.attributes(data):
        attrs = nl.Attributes(dict(nl.attributes(value)))
        packed, prefix = attrs.raw(_ALLOWED_ADDRESS), attrs.u8(_ALLOWED_PREFIX)
        if len(packed) in (4, 16) and prefix <= 8 * len(packed):
            yield ipaddress.ip_network((packed, prefix), strict=False)


def _decode_peer(data: memoryview) -> Peer | None:
    attrs = nl.Attributes(dict(nl.attributes(data)))
    public_key, time = attrs.raw(_PEER_KEY), attrs.raw(_HANDSHAKE)
    if len(public_key) != KEY_BYTES:
        return None
    seconds, nanoseconds = struct.unpack_from("=qq", time) if len(time) >= 16 else (0, 0)
    return Peer(
        public_key,
        preshared_key=attrs.raw(_PRESHARED_KEY).ljust(KEY_BYTES, b"\0")[:KEY_BYTES],
        endpoint=decode_endpoint(attrs.raw(_ENDPOINT)),
        keepalive_s=attrs.u16(_KEEPALIVE),
        allowed=tuple(_decode_allowed(attrs.values.get(_ALLOWED, memoryview(b"")))),
        handshake=seconds + nanoseconds / 1e9,
        received=int.from_bytes(attrs.raw(_RX), sys.byteorder),
        sent=int.from_bytes(attrs.raw(_TX), sys.byteorder),
    )


def decode_device(messages: Iterable[memoryview]) -> Device:
    """Of the messages of a dump of one link. Peers go on in the next message, and so does a peer with many allowed
    addresses: it is then named again, with the rest of them only."""
    device = Device()
    peers: list[Peer] = []
    for content in messages:
        attrs = nl.Attributes(dict(nl.attributes(content)))
        if attrs.values.keys() & {_PRIVATE_KEY, _PUBLIC_KEY, _LISTEN_PORT, _FWMARK}:  # the first message only
            device = Device(
                name=attrs.text(_IFNAME),
                private_key=attrs.raw(_PRIVATE_KEY).ljust(KEY_BYTES, b"\0")[:KEY_BYTES],
                public_key=attrs.raw(_PUBLIC_KEY).ljust(KEY_BYTES, b"\0")[:KEY_BYTES],
                listen_port=attrs.u16(_LISTEN_PORT),
                mark=attrs.u32(_FWMARK),
            )
        for _, value in nl.attributes(attrs.values.get(_PEERS, memoryview(b""))):
            peer = _decode_peer(value)
            if peer is None:
                continue
            if peers and peers[-1].public_key == peer.public_key:
                peers[-1] = msgspec.structs.replace(peers[-1], allowed=(*peers[-1].allowed, *peer.allowed))
            else:
                peers.append(peer)
    return msgspec.structs.replace(device, peers=tuple(peers))


class WireguardSocket(GenericSocket):
    """Requests about the WireGuard links of the network namespace in which the socket was opened. NetlinkError
    (ENOENT): this kernel has no WireGuard, or has not loaded it."""

    def __init__(self) -> None:
        super().__init__(FAMILY)

    def device(self, name: str) -> Device:
        """State of a link. NetlinkError (ENODEV, EOPNOTSUPP)."""
        return decode_device(self.dump(_GET_DEVICE, nl.attribute(_IFNAME, name), f"read WireGuard link {name}"))

    def configure(self, name: str, change: Change) -> None:
        """Carry out a change. NetlinkError; what a change of many peers has reached by then stays."""
        for payload in encode_change(name, change):
            self.change(_SET_DEVICE, payload, f"configure WireGuard link {name}")
