"""One line of the audit log: a JSON object whose last key is the SHA-256 of everything before it, the hash of the line
before included.

    {"seq":7,"prev":"<64 hex>", … ,"hash":"<64 hex>"}

What is hashed are the bytes of the line up to `,"hash":`, as they stand in the file. Hashing a canonical form of the
decoded object was rejected: whoever checks (with sha256sum and ten lines of any language) would have to write JSON as
we do. Lines are ASCII: whatever a caller sends stands escaped in one line.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

GENESIS = "0" * 64
"""`prev` of the very first line"""
_END = re.compile(rb',"hash":"([0-9a-f]{64})"\}')
_END_BYTES = len(b',"hash":""}') + 64


class Head(NamedTuple):
    """The last line of a chain. Whoever keeps one elsewhere can prove later that nothing before it was touched."""

    seq: int = 0
    hash: str = GENESIS

    def __str__(self) -> str:
        return f"{self.seq}:{self.hash}"

    @classmethod
    def parse(cls, text: str) -> Head:
        """Inverse of str(). ValueError."""
        seq, _, digest = text.partition(":")
        if not seq.isdigit() or not re.fullmatch("[0-9a-f]{64}", digest):
            raise ValueError(f"{text!r} is not SEQUENCE:HASH, for example 12:{'ab' * 32}")
        return cls(int(seq), digest)


class Line(NamedTuple):
    """A line whose own hash is right; whether it follows the line before is for Verifier to say."""

    head: Head
    prev: str
    fields: dict[str, Any]


class BrokenLineError(ValueError):
    """The line is not as it was written."""


def seal(before: Head, fields: Mapping[str, Any]) -> tuple[bytes, Head]:
    """The next line of a chain, newline included, and the head it makes."""
    body = json.dumps({"seq": before.seq + 1, "prev": before.hash, **fields}, separators=(",", ":")).encode()[:-1]
    digest = hashlib.sha256(body).hexdigest()
    return b'%s,"hash":"%s"}\n' % (body, digest.encode()), Head(before.seq + 1, digest)


def unseal(line: bytes) -> Line:
    """A line, without or with its newline. BrokenLineError says in what way it is not as it was written."""
    line = line.removesuffix(b"\n")
    end = _END.fullmatch(line[-_END_BYTES:])
    if end is None:
        raise BrokenLineError("it does not end with its hash")
    body = line[:-_END_BYTES]
    if hashlib.sha256(body).hexdigest().encode() != end[1]:
        raise BrokenLineError("its content does not match its hash")
    try:
        fields = json.loads(body + b"}")
        seq, prev = fields.pop("seq"), fields.pop("prev")
    except (ValueError, KeyError, AttributeError, RecursionError) as error:
        raise BrokenLineError(f"it is no record ({error})") from error
    if type(seq) is not int or not isinstance(prev, str):
        raise BrokenLineError("its sequence number or its link is none")
    return Line(Head(seq, end[1].decode()), prev, fields)
