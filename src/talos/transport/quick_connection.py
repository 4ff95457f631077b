"""h2's connection with a shorter way for the frames that a call consists of.

Nearly all that arrives is a HEADERS frame that holds a whole block, or a DATA frame, without padding and priority. For
these h2 makes a frame object with a set of flags out of three copies of the bytes; here they are told by their header
and handed to the same methods as a frame of a few fields. Everything else, and whatever is cut in the middle, goes h2's
own way, so what is accepted and refused stays its decision.

A block of headers that passed h2's checks as a request passes them again: RememberingDecoder knows when it means the
same.
"""

from __future__ import annotations

import struct
from typing import Any

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import Event
from h2.exceptions import FrameTooLargeError, ProtocolError
from hyperframe.frame import DataFrame, HeadersFrame

from talos.transport.header_block import RememberingDecoder

_HEADER = struct.Struct(">HBBBI")
"""length in 16 + 8 bits, type, flags, stream (RFC 9113, 4.1)"""
_DATA, _HEADERS = 0, 1
_END_STREAM, _END_HEADERS = 0x1, 0x4
_ENDING, _OPEN = frozenset({"END_STREAM"}), frozenset[str]()


class _Frame:
    """What h2's methods read of a frame."""

    __slots__ = ("data", "flags", "flow_controlled_length", "stream_id")

    def __init__(self, stream_id: int, flags: frozenset[str], data: bytes) -> None:
        self.stream_id = stream_id
        self.flags = flags
        self.data = data
        self.flow_controlled_length = len(data)


class _Data(_Frame):
    __slots__ = ()


class _Headers(_Frame):
    __slots__ = ()


class QuickConnection(H2Connection):
    """Raises and answers as H2Connection does."""

    decoder: RememberingDecoder

    def __init__(self, config: H2Configuration) -> None:
        super().__init__(config=config)
        self._frame_dispatch_table: dict[type, Any]
        self._frame_dispatch_table[_Data] = self._frame_dispatch_table[DataFrame]
        self._frame_dispatch_table[_Headers] = self._frame_dispatch_table[HeadersFrame]

    def receive_data(self, data: Any) -> list[Event]:
        buffer = self.incoming_buffer
        if buffer._data or buffer._preamble_len or buffer._headers_buffer:
            return super().receive_data(data)
        events: list[Event] = []
        at, end = 0, len(data)
        try:
            while end - at >= _HEADER.size:
                high, low, kind, flags, stream = _HEADER.unpack_from(data, at)
                length = high << 8 | low
                body = at + _HEADER.size
                stream &= 0x7FFFFFFF
                if body + length > end or not stream:
                    break
                if kind == _DATA and not flags & ~_END_STREAM:
                    made: type[_Frame] = _Data
                elif kind == _HEADERS and flags & ~_END_STREAM == _END_HEADERS:
                    made = _Headers
                else:
                    break
                if length > self.max_inbound_frame_size:
                    raise FrameTooLargeError(
                        f"Received overlong frame: length {length}, max {self.max_inbound_frame_size}"
                    )
                at = body + length
                frame: Any = made(stream, _ENDING if flags & _END_STREAM else _OPEN, bytes(data[body:at]))
                events += self._receive_frame(frame)
        except ProtocolError as error:
            self._terminate_connection(ErrorCodes(error.error_code))
            raise
        if at < end:
            events += super().receive_data(data[at:] if at else data)
        return events

    def _receive_headers_frame(self, frame: Any) -> Any:
        decoder, block = self.decoder, bytes(frame.data)
        if frame.stream_id in self.streams or "PRIORITY" in frame.flags:  # trailers are checked by other rules
            return super()._receive_headers_frame(frame)
        if block not in decoder.passed:
            found = super()._receive_headers_frame(frame)
            decoder.note_passed(block)
            return found
        checked = self.config.validate_inbound_headers
        self.config.validate_inbound_headers = False
        try:
            return super()._receive_headers_frame(frame)
        finally:
            self.config.validate_inbound_headers = checked
