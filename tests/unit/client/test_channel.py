"""The client's connection, fed with what a server may send."""

from __future__ import annotations

import asyncio
import struct
from unittest.mock import Mock

from grpclib.config import Configuration
from grpclib.protocol import H2Protocol
from h2.config import H2Configuration

from talos.client.channel import MAX_FRAME_BYTES, _Protocol

SETTINGS, DATA = 4, 0
ACK = 1


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


async def test_a_large_frame_may_arrive_with_the_acknowledgement_that_allows_it() -> None:
    """A fast server's first data lie in the same read as its SETTINGS and its acknowledgements (RFC 9113, 6.5.3)."""
    config = Configuration(http2_connection_window_size=32 << 20, http2_stream_window_size=4 << 20)
    protocol: H2Protocol = _Protocol(Mock(), config.__for_test__(), H2Configuration(client_side=True))
    transport = Mock(asyncio.Transport, **{"get_extra_info.return_value": None})
    protocol.connection_made(transport)
    h2 = protocol.connection._connection
    h2.send_headers(1, [(":method", "POST"), (":path", "/"), (":scheme", "https"), (":authority", "a")])
    answer = frame(1, 4, 1, b"\x88")  # :status 200, END_HEADERS
    large = frame(DATA, 0, 1, bytes(MAX_FRAME_BYTES))
    settings = frame(SETTINGS, 0, 0) + frame(SETTINGS, ACK, 0) * 3
    protocol.processor = Mock()
    protocol.data_received(settings + answer + large)
    protocol.processor.close.assert_not_called()
    kinds = [type(call.args[0]).__name__ for call in protocol.processor.process.call_args_list]
    assert kinds[-1] == "DataReceived"
