"""Event ids: 12 bytes as 20 characters of lower-case base32hex, sortable by time and then by order of creation.

Layout (the published xid format): 4 bytes seconds since 1970, 3 bytes machine, 2 bytes process, 3 bytes counter, all
big-endian. The counter starts at a random value and wraps at 2**24.
"""

from __future__ import annotations

import base64
import os
import struct

LENGTH = 20


class XidGenerator:
    """Ids of one process. `machine` is any three bytes that tell the node from others."""

    def __init__(self, machine: bytes = b"", pid: int | None = None) -> None:
        self._machine = machine[:3] if len(machine) >= 3 else os.urandom(3)
        self._pid = (os.getpid() if pid is None else pid) & 0xFFFF
        # The upper half of the range stays free, so that ids of one second keep their order for eight million events.
        self._counter = int.from_bytes(os.urandom(3), "big") >> 1

    def new(self, seconds: float) -> str:
        """An id made at `seconds` since 1970."""
        self._counter = (self._counter + 1) & 0xFFFFFF
        raw = struct.pack(">I", int(seconds) & 0xFFFFFFFF) + self._machine + struct.pack(">H", self._pid)
        return encode(raw + self._counter.to_bytes(3, "big"))


def encode(raw: bytes) -> str:
    """12 bytes → 20 characters."""
    return base64.b32hexencode(raw).decode().rstrip("=").lower()


def decode(text: str) -> bytes:
    """20 characters → 12 bytes; ValueError for anything else."""
    if len(text) != LENGTH:
        raise ValueError(f"{text!r} is not an event id: it must have {LENGTH} characters")
    return base64.b32hexdecode(text.upper() + "====")


def seconds(text: str) -> int:
    """When the id was made."""
    return int(struct.unpack(">I", decode(text)[:4])[0])
