"""Frames of a link between machined and another process: what their bytes are, and nothing else.

A header of nine bytes, big endian, then the payload:

    length (4)    of the payload
    stream (4)    the number of a call; odd or even does not matter, only one side opens calls
    kind (1)

Not HTTP/2, although calls are gRPC on both ends of it: the two processes ship together, and half of a call's time went
into headers, windows and stream states that nobody on this socket needs (docs/decisions/0023-apid-to-machined.md).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

import msgspec

HEADER = struct.Struct(">IIB")
MAX_PAYLOAD_BYTES = 32 << 20
"""the largest message of the API"""
MAX_OPENING_BYTES = 64 << 10
MAX_TEXT_BYTES = 48 << 10
"""of a status, which is a frame with its metadata"""

CALL = 1
"""opens a call: path and metadata"""
MESSAGE = 2
"""one message, whole"""
LAST = 3
"""one message, after which this side sends no more"""
END = 4
"""this side sends no more messages"""
BEGUN = 5
"""the call is being answered, before its first message"""
STATUS = 6
"""ends a call: code, text, trailing metadata"""
RESET = 7
"""nobody cares for the call any more"""
CREDIT = 8
"""the other side may send so many bytes more on this stream"""
_LAST_KIND = CREDIT

Pairs = list[tuple[str, str]]
_encode = msgspec.msgpack.Encoder().encode
_call = msgspec.msgpack.Decoder(tuple[str, Pairs])
_status = msgspec.msgpack.Decoder(tuple[int, str, Pairs])


class LinkError(Exception):
    """The other side sent what is no frame: the link cannot go on."""


def frame(kind: int, stream: int, payload: bytes = b"") -> bytes:
    """One frame."""
    return HEADER.pack(len(payload), stream, kind) + payload


def call(stream: int, path: str, metadata: Pairs) -> bytes:
    """Opens a call."""
    return frame(CALL, stream, _encode((path, metadata)))


def status(stream: int, code: int, text: str, metadata: Pairs) -> bytes:
    """Ends a call. A text that repeats what somebody sent may be megabytes: what is left of it is its beginning. Space
    at an end is none of a header's (RFC 9113, 8.2.1): strict clients close the connection over it."""
    text = text.strip()
    if len(text) > MAX_TEXT_BYTES // 4 and len(raw := text.encode()) > MAX_TEXT_BYTES:
        kept = raw[:MAX_TEXT_BYTES].decode(errors="ignore")
        text = f"{kept}... ({len(raw) - len(kept.encode())} bytes more)"
    return frame(STATUS, stream, _encode((code, text, metadata)))


def credit(stream: int, size: int) -> bytes:
    """Lets the other side send."""
    return frame(CREDIT, stream, size.to_bytes(4, "big"))


def read_call(payload: bytes) -> tuple[str, Pairs]:
    """Path and metadata. LinkError."""
    try:
        return _call.decode(payload)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise LinkError(f"unreadable call: {error}") from error


def read_status(payload: bytes) -> tuple[int, str, Pairs]:
    """Code, text, metadata. LinkError."""
    try:
        return _status.decode(payload)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise LinkError(f"unreadable status: {error}") from error


def read_credit(payload: bytes) -> int:
    """Bytes. LinkError."""
    if len(payload) != 4:
        raise LinkError(f"credit of {len(payload)} bytes")
    return int.from_bytes(payload, "big")


class Reader:
    """Frames out of bytes as they come."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[tuple[int, int, bytes]]:
        """(kind, stream, payload) of each frame that is complete now. LinkError."""
        buffer = self._buffer
        buffer += data
        at, end = 0, len(buffer)
        try:
            while end - at >= HEADER.size:
                length, stream, kind = HEADER.unpack_from(buffer, at)
                if not CALL <= kind <= _LAST_KIND:
                    raise LinkError(f"frame of kind {kind}")
                if length > (MAX_PAYLOAD_BYTES if kind in (MESSAGE, LAST) else MAX_OPENING_BYTES):
                    raise LinkError(f"frame of {length} bytes")
                begin = at + HEADER.size
                if end - begin < length:
                    break
                at = begin + length
                yield kind, stream, bytes(memoryview(buffer)[begin:at])
        finally:
            del buffer[:at]
