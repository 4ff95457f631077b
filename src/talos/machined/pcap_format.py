"""The capture file format that every analyser reads (pcap, draft-ietf-opsawg-pcap), with nanosecond times."""

from __future__ import annotations

import struct

_MAGIC_NANOSECONDS = 0xA1B23C4D
_VERSION = (2, 4)
LINKTYPE_ETHERNET = 1
LINKTYPE_RAW = 101
_HEADER = struct.Struct("<IHHiIII")
_RECORD = struct.Struct("<IIII")


def header(snap_bytes: int, link_type: int) -> bytes:
    """What a file begins with."""
    return _HEADER.pack(_MAGIC_NANOSECONDS, *_VERSION, 0, 0, snap_bytes, link_type)


def record(time_ns: int, length: int, data: bytes) -> bytes:
    """One packet of which `data` was captured and which measured `length` bytes."""
    seconds, nanoseconds = divmod(time_ns, 1_000_000_000)
    return _RECORD.pack(seconds & 0xFFFFFFFF, nanoseconds, len(data), length) + data
