"""Marks answers of a one-to-many call with the node they come from, on the bytes, without knowing the message types.

Every response that supports `nodes` has one shape. A unary one repeats a message in field 1, and that message's own
field 1 is common.Metadata; protobuf concatenates repeated fields, so the answers of several nodes joined end to end are
one valid response. A streamed chunk has common.Metadata as its own field 1. Metadata goes behind the other fields,
which is where Talos puts it.
"""

from __future__ import annotations

from collections.abc import Iterator

from grpclib.const import Status

_FIELD_1 = 0x0A  # field 1, length-delimited
_CODE_NAMES = {
    1: "Canceled",
    2: "Unknown",
    3: "InvalidArgument",
    4: "DeadlineExceeded",
    5: "NotFound",
    6: "AlreadyExists",
    7: "PermissionDenied",
    8: "ResourceExhausted",
    9: "FailedPrecondition",
    10: "Aborted",
    11: "OutOfRange",
    12: "Unimplemented",
    13: "Internal",
    14: "Unavailable",
    15: "DataLoss",
    16: "Unauthenticated",
}


def varint(value: int) -> bytes:
    """Base 128, least significant group first."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
        if shift > 63:
            raise ValueError("varint longer than ten bytes")


def _field(number: int, data: bytes) -> bytes:
    return bytes((number << 3 | 2,)) + varint(len(data)) + data


def metadata(node: str, status: int = 0, text: str = "") -> bytes:
    """common.Metadata{hostname, error, status} as field 1 of the message that carries it."""
    body = _field(1, node.encode())
    if status:
        name = _CODE_NAMES.get(status, f"Code({status})")
        body += _field(2, f"rpc error: code = {name} desc = {text}".encode())
        body += _field(3, b"\x08" + varint(status) + _field(2, text.encode()))
    return _field(1, body)


def _fields(data: bytes) -> Iterator[tuple[int, int, int, int]]:
    """(tag, start of field, start of payload, end) of each top-level field; ValueError or IndexError if malformed."""
    at = 0
    while at < len(data):
        start = at
        tag, at = _read_varint(data, at)
        kind = tag & 7
        payload = at
        if kind == 0:
            _, at = _read_varint(data, at)
        elif kind == 1:
            at += 8
        elif kind == 2:
            size, payload = _read_varint(data, at)
            at = payload + size
        elif kind == 5:
            at += 4
        else:
            raise ValueError(f"wire type {kind}")
        if at > len(data):
            raise ValueError("field runs past the end")
        yield tag, start, payload, at


def mark_unary(response: bytes, node: str) -> bytes:
    """Append the metadata to each message of field 1. What is no such response comes back as an error of the node."""
    mark = metadata(node)
    out = bytearray()
    try:
        for tag, start, payload, end in _fields(response):
            if tag == _FIELD_1:
                out += b"\x0a" + varint(end - payload + len(mark)) + response[payload:end] + mark
            else:
                out += response[start:end]
    except (ValueError, IndexError) as error:
        return failed_unary(node, Status.INTERNAL.value, f"unreadable answer: {error}")
    return bytes(out)


def mark_chunk(chunk: bytes, node: str) -> bytes:
    """Append the metadata to one message of a stream."""
    return chunk + metadata(node)


def failed_unary(node: str, status: int, text: str) -> bytes:
    """A response with one message that says how `node` failed."""
    return _field(1, metadata(node, status, text))


def failed_chunk(node: str, status: int, text: str) -> bytes:
    """A message of a stream that says how `node` failed."""
    return metadata(node, status, text)
