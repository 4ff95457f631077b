"""One question to a time server (SNTP, RFC 5905 section 14) and what its answer means.

The codec is pure; `query` is the only input and output. Authentication (NTS, RFC 8915) is not part of this version.
"""

from __future__ import annotations

import asyncio
import os
import struct
import time

from msgspec import Struct

PORT = 123
_EPOCH = 2_208_988_800  # seconds from 1900 to 1970
_PACKET = struct.Struct("!BBbb11I")
_CLIENT_MODE = 3
_SERVER_MODE = 4
_VERSION = 4
_UNSYNCHRONIZED = 3
_MAX_STRATUM = 15
_TIMEOUT_S = 5.0


class NtpError(Exception):
    """An answer that must not be used; the text says why."""


class KissError(NtpError):
    """The server asks to be left alone (kiss-o'-death, RFC 5905 section 7.4): RATE a while, DENY and RSTR for good."""

    def __init__(self, code: str) -> None:
        super().__init__(f"server refuses: {code}")
        self.code = code


class Sample(Struct, frozen=True):
    """offset_s: what to add to our clock. delay_s: round trip. root_s: the server's own distance to its source."""

    offset_s: float
    delay_s: float
    stratum: int
    server: str = ""
    root_s: float = 0.0


def to_ntp(seconds: float) -> tuple[int, int]:
    """(seconds since 1900 modulo 2³², fraction)."""
    whole = int(seconds // 1)
    return (whole + _EPOCH) & 0xFFFFFFFF, int((seconds - whole) * 2**32) & 0xFFFFFFFF


def from_ntp(seconds: int, fraction: int, near: float) -> float:
    """Unix time of an NTP timestamp, in the era nearest to `near` (RFC 5905, section 6)."""
    unix = seconds - _EPOCH + fraction / 2**32
    era = round((near - unix) / 2**32)
    return unix + era * 2**32


def request(nonce: bytes) -> bytes:
    """A client's question. The transmit timestamp is a nonce: it tells our answer from others and no one our clock."""
    head = _PACKET.pack(_VERSION << 3 | _CLIENT_MODE, 0, 0, 0, *([0] * 11))
    return head[:40] + nonce


def parse(answer: bytes, nonce: bytes, sent: float, received: float) -> Sample:
    """Check an answer and compute offset and delay; sent and received are our clock's Unix times."""
    if len(answer) < _PACKET.size:
        raise NtpError(f"answer of {len(answer)} bytes, 48 are the least")
    first, stratum, _poll, _precision, *words = _PACKET.unpack_from(answer)
    if first & 7 != _SERVER_MODE:
        raise NtpError(f"answer in mode {first & 7}, not from a server")
    if answer[24:32] != nonce:
        raise NtpError("answer to a question that was not asked")
    if stratum == 0:
        raise KissError(answer[12:16].decode("ascii", "replace").rstrip("\0"))
    if first >> 6 == _UNSYNCHRONIZED or stratum > _MAX_STRATUM:
        raise NtpError("server is not synchronized itself")
    if words[9] == 0 and words[10] == 0:
        raise NtpError("answer without a time")
    root_delay, root_dispersion = words[0] / 65536, words[1] / 65536
    server_received = from_ntp(words[7], words[8], received)
    server_sent = from_ntp(words[9], words[10], received)
    offset = ((server_received - sent) + (server_sent - received)) / 2
    delay = max((received - sent) - (server_sent - server_received), 0.0)
    return Sample(offset, delay, stratum, root_s=root_delay / 2 + root_dispersion)


class _Question(asyncio.DatagramProtocol):
    def __init__(self, answer: asyncio.Future[tuple[bytes, float]]) -> None:
        self._answer = answer

    def datagram_received(self, data: bytes, _address: object) -> None:
        if not self._answer.done():
            self._answer.set_result((data, time.time()))

    def error_received(self, error: Exception) -> None:
        if not self._answer.done():
            self._answer.set_exception(error)


async def query(server: str, timeout_s: float = _TIMEOUT_S) -> Sample:
    """Ask one server. NtpError, OSError, TimeoutError."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[tuple[bytes, float]] = loop.create_future()
    transport, _protocol = await asyncio.wait_for(
        loop.create_datagram_endpoint(lambda: _Question(answer), remote_addr=(server, PORT)), timeout_s
    )
    try:
        nonce = os.urandom(8)
        sent = time.time()
        transport.sendto(request(nonce))
        data, received = await asyncio.wait_for(answer, timeout_s)
    finally:
        transport.close()
    sample = parse(data, nonce, sent, received)
    return Sample(sample.offset_s, sample.delay_s, sample.stratum, server, sample.root_s)
