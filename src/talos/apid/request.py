"""The headers of a call."""

from __future__ import annotations

import functools
from collections.abc import Iterable

from grpclib.metadata import decode_timeout

from talos.transport import identity
from talos.transport.calls import Headers

MAX_HEADER_BYTES = 16 << 10
"""as RFC 9113 counts them, 32 bytes for each field included"""
MAX_TIMEOUT_DIGITS = 8

_OWN = frozenset(
    [
        "node",
        "nodes",
        "talos-role",
        "proxyfrom",
        identity.CALLER_KEY,
        identity.FORWARDED_KEY,
        identity.CALL_KEY,
        "te",
        "content-type",
        "user-agent",
        "host",
        "connection",
        "grpc-timeout",
        "grpc-encoding",
        "grpc-accept-encoding",
        "content-length",
    ]
)


@functools.lru_cache(64)
def parsed(headers: tuple[tuple[bytes, bytes], ...]) -> Request:
    """The same request, made once for callers that say the same again. ValueError."""
    return Request(headers)


class Request:
    """What of the headers matters here; the rest travels on as metadata. ValueError if they must not.

    What is passed on shares a connection with other callers, so nothing may pass that its other end would answer by
    closing it: text that is not ASCII, or more than HTTP/2 libraries take.
    """

    __slots__ = (
        "authority",
        "call",
        "caller",
        "content_type",
        "encoding",
        "metadata",
        "method",
        "node",
        "nodes",
        "path",
        "proxyfrom",
        "roles",
        "timeout",
        "user_agent",
    )

    def __init__(self, headers: Iterable[tuple[bytes, bytes]]) -> None:
        self.method = self.path = self.content_type = self.user_agent = self.caller = self.call = self.authority = ""
        self.encoding = ""
        self.node: list[str] = []
        self.nodes: list[str] = []
        self.roles: list[str] = []
        self.proxyfrom = False
        self.timeout: float | None = None
        self.metadata: Headers = []
        size = 0
        for raw_key, raw_value in headers:
            size += len(raw_key) + len(raw_value) + 32
            key, value = raw_key.decode("ascii"), raw_value.decode("ascii")
            match key:
                case ":method":
                    self.method = value
                case ":path":
                    self.path = value
                case ":authority":
                    self.authority = value
                case "content-type":
                    self.content_type = value
                case "user-agent":
                    self.user_agent = value
                case "grpc-encoding":
                    self.encoding = value
                case "node":
                    self.node.append(value)
                case "nodes":
                    self.nodes.append(value)
                case "talos-role":
                    self.roles.append(value)
                case "proxyfrom":
                    self.proxyfrom = True
                case identity.CALLER_KEY:
                    self.caller = value
                case identity.CALL_KEY:
                    self.call = value
                case "grpc-timeout":
                    if len(value) > MAX_TIMEOUT_DIGITS + 1:
                        raise ValueError(f"grpc-timeout has more than {MAX_TIMEOUT_DIGITS} digits")
                    seconds = decode_timeout(value)
                    self.timeout = seconds if self.timeout is None else min(seconds, self.timeout)
                case _:
                    if key not in _OWN and not key.startswith(":"):
                        self.metadata.append((key, value))
        if size > MAX_HEADER_BYTES:
            raise ValueError(f"headers of more than {MAX_HEADER_BYTES} bytes")
