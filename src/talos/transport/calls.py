"""What calls over HTTP/2 and over links have in common; whoever speaks only the latter loads no HTTP/2."""

from __future__ import annotations

from grpclib.const import Status

STREAM_WINDOW_BYTES = 512 << 10
FIRST_WINDOW_BYTES = 64 << 10
"""of an answer that this node itself asked for: grown to STREAM_WINDOW_BYTES once it is seen to be read"""
MAX_GROWN = 64

Headers = list[tuple[str, str]]
RawHeaders = list[tuple[bytes, bytes]]
"""As received: h2 is told not to decode."""


class CallError(Exception):
    """A call ends with this gRPC status and text."""

    def __init__(self, status: Status, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.text = text
