"""Header blocks that say again what was said before (HPACK, RFC 7541).

Those of an answer are literals that enter no table (6.2.2): an encoder's state has no part in them. They are a dozen
bytes that are always the same; h2 checks and encodes them through objects, which was a sixth of what a call cost apid.
Nothing is compressed here: the few bytes more are a fraction of a packet.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import Any

from hpack import Decoder

_STATUS_OK = 0x88  # :status 200 of the static table (RFC 7541, appendix A)
_PREFIX_7 = 0x7F
_KNOWN = 16
"""blocks remembered for each connection"""


def literals(headers: list[tuple[str, str]]) -> bytes:
    """A header block. Text is Latin-1, as received headers are read, so that their bytes come out unchanged."""
    return _block(tuple(headers))


@functools.lru_cache(64)
def _block(headers: tuple[tuple[str, str], ...]) -> bytes:
    out = bytearray()
    for name, value in headers:
        if name == ":status" and value == "200":
            out.append(_STATUS_OK)
        else:
            out.append(0)
            for text in (name, value):
                data = text.encode("latin-1", "replace")
                out += _length(len(data)) + data
    return bytes(out)


def _length(value: int) -> bytes:
    """An integer with a prefix of seven bits (RFC 7541, 5.1); no Huffman coding."""
    if value < _PREFIX_7:
        return bytes((value,))
    out, value = bytearray((_PREFIX_7,)), value - _PREFIX_7
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


class RememberingDecoder(Decoder):
    """A caller's second request is, as a rule, the first one as a handful of indices into the table. A block of nothing
    but such (6.1) leaves the table as it is, and means the same as long as the table stays so."""

    def __init__(self) -> None:
        super().__init__()
        self._known: dict[bytes, Iterable[Any]] = {}
        self.passed: set[bytes] = set()
        """blocks that are known, and were accepted as the headers of a request"""

    def decode(self, data: bytes, raw: bool = False) -> Iterable[Any]:
        found = self._known.get(data)
        if found is not None:
            return found
        headers = super().decode(data, raw)
        # Bytes that all have their highest bit are indices of one byte each: longer ones end with a byte that has not.
        if min(data, default=0) < 0x80:
            self._known.clear()
            self.passed.clear()
        elif raw and len(self._known) < _KNOWN:
            self._known[bytes(data)] = headers
        return headers

    def note_passed(self, data: bytes) -> None:
        """The block that was decoded last was accepted as the headers of a request."""
        if data in self._known:
            self.passed.add(data)
