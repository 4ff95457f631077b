"""Frames, header blocks and messages of a unary call's HTTP/2 (RFC 9113, RFC 7541); no input or output."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PUSH, PING, GOAWAY, WINDOW, CONTINUATION = 0, 1, 3, 4, 5, 6, 7, 8, 9
END_STREAM = ACK = 0x1
END_HEADERS, PADDED, PRIORITY = 0x4, 0x8, 0x20
INITIAL_WINDOW_SIZE, MAX_FRAME_SIZE, ENABLE_PUSH = 4, 5, 2
MAX_WINDOW = (1 << 31) - 1
FRAME_BYTES = 256 << 10
OUR_SETTINGS = ((ENABLE_PUSH, 0), (INITIAL_WINDOW_SIZE, MAX_WINDOW), (MAX_FRAME_SIZE, FRAME_BYTES))
HEADERS_BYTES = 64 << 10
REFUSED_STREAM = 7
STATUS_200 = 0x88  # whole, in the static table (RFC 7541, appendix A)


class Unreadable(Exception):
    """The peer does not keep to HTTP/2."""


def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return len(payload).to_bytes(3, "big") + bytes((kind, flags)) + stream.to_bytes(4, "big") + payload


def frames(received: bytearray) -> Iterator[tuple[int, int, int, bytes]]:
    """Take the whole frames out: kind, flags, stream, payload."""
    while len(received) >= 9:
        size = int.from_bytes(received[:3], "big")
        if size > FRAME_BYTES:
            raise Unreadable(f"a frame of {size} bytes; is it a gRPC server?")
        if len(received) < 9 + size:
            return
        head, payload = bytes(received[:9]), bytes(received[9 : 9 + size])
        del received[: 9 + size]
        yield head[3], head[4], int.from_bytes(head[5:], "big") & MAX_WINDOW, payload


def unpadded(flags: int, payload: bytes) -> bytes:
    if not flags & PADDED:
        return payload
    if not payload or payload[0] >= len(payload):
        raise Unreadable("more padding than frame")
    return payload[1 : len(payload) - payload[0]]


def text_literal(text: str) -> bytes:
    """Of a header, not compressed (RFC 7541, 5.2)."""
    data = text.encode()
    if len(data) < 0x7F:
        return bytes((len(data),)) + data
    out, rest = bytearray((0x7F,)), len(data) - 0x7F
    while rest > 0x7F:
        out.append(rest & 0x7F | 0x80)
        rest >>= 7
    return bytes((*out, rest)) + data


def literals(block: bytes) -> dict[str, str] | None:
    """A header block that neither uses nor changes a table nor compresses, as our nodes send (RFC 7541, 6.2.2); None
    for any other. Importing a decoder of all takes longer than the call."""
    found, at = {}, 0
    while at < len(block):
        if block[at] == STATUS_200:
            found[":status"], at = "200", at + 1
            continue
        if block[at]:
            return None
        at += 1
        words = []
        for _ in range(2):
            if at >= len(block) or block[at] >= 0x7F:  # Huffman's code, or longer than one byte says
                return None
            end = at + 1 + block[at]
            if end > len(block):
                return None
            words.append(block[at + 1 : end].decode("utf-8", "replace"))
            at = end
        found[words[0]] = words[1]
    return found


def status_message(text: str) -> str:
    if "%" not in text:
        return text
    from urllib.parse import unquote

    return unquote(text)
