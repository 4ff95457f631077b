"""As much of the DNS wire format (RFC 1035, RFC 6891) as a caching forwarder needs; no input or output."""

from __future__ import annotations

import ipaddress
import struct

from msgspec import Struct

TYPE_A, TYPE_SOA, TYPE_AAAA, TYPE_OPT = 1, 6, 28, 41
CLASS_IN = 1
NOERROR, SERVFAIL, NXDOMAIN, REFUSED = 0, 2, 3, 5
_HEADER = struct.Struct("!HHHHHH")
_QR, _TC, _RD, _RA = 0x8000, 0x0200, 0x0100, 0x0080
_MAX_POINTERS = 16
_MAX_NAME = 255  # RFC 1035, 3.1. Without it one message of 64 KiB, names pointing at names, costs minutes.
PLAIN_UDP_SIZE = 512


class DnsError(ValueError):
    """Not a DNS message, or not one that can be answered."""


class Question(Struct, frozen=True):
    """The one question of a query. end: offset behind it; udp_size: what the asker takes over UDP."""

    id: int
    flags: int
    name: str
    type: int
    cls: int
    end: int
    udp_size: int = PLAIN_UDP_SIZE
    dnssec: bool = False

    @property
    def key(self) -> tuple[str, int, int, bool]:
        """Identity for a cache; names compare without regard to case (RFC 4343)."""
        return self.name, self.type, self.cls, self.dnssec


def _name(data: bytes, offset: int) -> tuple[str, int]:
    """A domain name in lower case without the final dot, and the offset behind it."""
    labels: list[str] = []
    size = 0
    end = -1
    jumps = 0
    while True:
        if offset >= len(data):
            raise DnsError("name beyond the message")
        length = data[offset]
        if length >= 0xC0:
            if offset + 1 >= len(data) or jumps >= _MAX_POINTERS:
                raise DnsError("bad compression pointer")
            if end < 0:
                end = offset + 2
            offset = (length & 0x3F) << 8 | data[offset + 1]
            jumps += 1
            continue
        if length > 63:
            raise DnsError("bad label")
        offset += 1
        if length == 0:
            break
        size += 1 + length
        if size >= _MAX_NAME:
            raise DnsError("name of more than 255 bytes")
        labels.append(data[offset : offset + length].decode("latin-1").lower())
        offset += length
    return ".".join(labels), end if end >= 0 else offset


def _record(data: bytes, offset: int) -> tuple[int, int, int, int, int]:
    """(type, class, offset of the TTL, TTL, offset behind) of a resource record."""
    _owner, offset = _name(data, offset)
    if offset + 10 > len(data):
        raise DnsError("record beyond the message")
    type_, cls, ttl, length = struct.unpack_from("!HHIH", data, offset)
    if offset + 10 + length > len(data):
        raise DnsError("record data beyond the message")
    return type_, cls, offset + 4, ttl, offset + 10 + length


def parse_query(data: bytes) -> Question:
    """The question of a standard query. DnsError for anything else."""
    if len(data) < _HEADER.size:
        raise DnsError("shorter than a header")
    id_, flags, questions, answers, authorities, additionals = _HEADER.unpack_from(data)
    if flags & _QR or questions != 1:
        raise DnsError("not a query with one question")
    name, offset = _name(data, _HEADER.size)
    if offset + 4 > len(data):
        raise DnsError("question beyond the message")
    type_, cls = struct.unpack_from("!HH", data, offset)
    end = offset = offset + 4
    udp_size, dnssec = PLAIN_UDP_SIZE, False
    for _ in range(answers + authorities + additionals):
        record_type, record_class, _ttl_at, ttl, offset = _record(data, offset)
        if record_type == TYPE_OPT:
            udp_size, dnssec = max(record_class, PLAIN_UDP_SIZE), bool(ttl & 0x8000)
    return Question(id_, flags, name, type_, cls, end, udp_size, dnssec)


def failure(query: bytes, question: Question, code: int) -> bytes:
    """An answer without records."""
    flags = _QR | _RA | question.flags & _RD | code
    return _HEADER.pack(question.id, flags, 1, 0, 0, 0) + query[_HEADER.size : question.end]


def addresses(query: bytes, question: Question, found: list[str], ttl: int) -> bytes:
    """An answer with those of the addresses that fit the question's type."""
    version = {TYPE_A: 4, TYPE_AAAA: 6}.get(question.type, 0)
    packed = [ip.packed for ip in map(ipaddress.ip_address, found) if ip.version == version]
    flags = _QR | _RA | question.flags & _RD
    records = b"".join(struct.pack("!HHHIH", 0xC00C, question.type, CLASS_IN, ttl, len(data)) + data for data in packed)
    return _HEADER.pack(question.id, flags, 1, len(packed), 0, 0) + query[_HEADER.size : question.end] + records


def query(id_: int, name: str, type_: int) -> bytes:
    """A question for a recursive server. DnsError: it is no domain name."""
    labels = name.rstrip(".").encode("idna" if not name.isascii() else "ascii").split(b".")
    if not all(0 < len(label) < 64 for label in labels) or sum(len(label) + 1 for label in labels) >= _MAX_NAME:
        raise DnsError(f"{name!r} is no domain name")
    packed = b"".join(bytes([len(label)]) + label for label in labels) + b"\0"
    return _HEADER.pack(id_, _RD, 1, 0, 0, 0) + packed + struct.pack("!HH", type_, CLASS_IN)


def found(response: bytes) -> list[str]:
    """Addresses among the answers of a response, whatever names lead to them. DnsError."""
    if len(response) < _HEADER.size:
        raise DnsError("shorter than a header")
    _id, _flags, questions, answer_count, *_rest = _HEADER.unpack_from(response)
    offset = _HEADER.size
    for _ in range(questions):
        _owner, offset = _name(response, offset)
        offset += 4
    addresses = []
    for _ in range(answer_count):
        type_, _cls, ttl_at, _ttl, offset = _record(response, offset)
        data = response[ttl_at + 6 : offset]
        if (type_, len(data)) in ((TYPE_A, 4), (TYPE_AAAA, 16)):
            addresses.append(str(ipaddress.ip_address(data)))
    return addresses


def truncated(response: bytes, question: Question) -> bytes:
    """The same answer without records and with TC set: the asker comes again over TCP."""
    _id, flags, *_counts = _HEADER.unpack_from(response)
    return _HEADER.pack(question.id, flags | _TC, 1, 0, 0, 0) + response[_HEADER.size : question.end]


def with_id(response: bytes, id_: int) -> bytes:
    """The same message under another id."""
    return struct.pack("!H", id_) + response[2:]


def code(response: bytes) -> int:
    """RCODE of an answer."""
    return response[3] & 0x0F


def answers(response: bytes, question: Question) -> bool:
    """Whether a message is an answer to this question (its id is compared by the caller)."""
    try:
        _id, flags, questions, *_rest = _HEADER.unpack_from(response)
        if not flags & _QR or questions != 1:
            return False
        name, offset = _name(response, _HEADER.size)
        return (name, *struct.unpack_from("!HH", response, offset)) == (question.name, question.type, question.cls)
    except (DnsError, struct.error):
        return False


def lifetimes(response: bytes) -> tuple[int, list[int]]:
    """(seconds that an answer may be kept, offsets of its TTLs); 0 seconds: do not keep.

    A negative answer lives as long as its SOA's TTL and minimum allow (RFC 2308).
    """
    _id, flags, questions, answer_count, authority_count, additional_count = _HEADER.unpack_from(response)
    if flags & _TC or flags & 0x0F not in (NOERROR, NXDOMAIN):
        return 0, []
    offset = _HEADER.size
    for _ in range(questions):
        _owner, offset = _name(response, offset)
        offset += 4
    lowest: int | None = None
    at = []
    for number in range(answer_count + authority_count + additional_count):
        type_, _cls, ttl_at, ttl, offset = _record(response, offset)
        if type_ == TYPE_OPT:
            continue
        at.append(ttl_at)
        if type_ == TYPE_SOA and number >= answer_count and offset >= 4:
            ttl = min(ttl, struct.unpack_from("!I", response, offset - 4)[0])
        lowest = ttl if lowest is None else min(lowest, ttl)
    return lowest or 0, at


def aged(response: bytes, at: list[int], seconds: int) -> bytes:
    """The answer with its TTLs reduced."""
    data = bytearray(response)
    for offset in at:
        ttl = struct.unpack_from("!I", data, offset)[0]
        struct.pack_into("!I", data, offset, max(ttl - seconds, 0))
    return bytes(data)
