"""The META partition: small values by key that outlive everything but the disk (reserved keys: constants.txt).

Two copies of 256 KiB stand at its end, each framed by two magic numbers and a SHA-256 (40 bytes). A write replaces the
first, then the second, with a flush in between; the reader takes the first that is whole. A power cut so leaves the old
values or the new ones.
"""

from __future__ import annotations

import hashlib
import struct
from pathlib import Path

from talos.linux.disk_io import OpenDisk

SIZE = 256 * 1024
COPIES = 2
PARTITION_BYTES = 1 << 20
KEYS = range(256)
STATE_ENCRYPTION = 0x09
"""key of the value that says how to open STATE (talos.machined.disk.encryption)"""
_FIRST, _LAST = 0x5A4B3C2D, 0xA5B4C3D2
_FRAME = 4 + 32 + 4


class MetaFormatError(ValueError):
    """The values do not fit, or a key is none."""


def encode(values: dict[int, bytes]) -> bytes:
    """One copy. MetaFormatError."""
    body = bytearray()
    for key, value in sorted(values.items()):
        if key not in KEYS or key == 0:
            raise MetaFormatError(f"key {key} is not between 1 and 255")
        body += struct.pack(">BI", key, len(value)) + value
    if len(body) > SIZE - _FRAME:
        raise MetaFormatError(f"META holds {SIZE - _FRAME} bytes, these values need {len(body)}")
    data = struct.pack(">I", _FIRST) + bytes(body).ljust(SIZE - _FRAME, b"\0")
    tail = struct.pack(">I", _LAST)
    return data + hashlib.sha256(data + bytes(32) + tail).digest() + tail


def decode(data: bytes) -> dict[int, bytes] | None:
    """The values of one copy, None when it is not whole."""
    if len(data) != SIZE or struct.unpack(">I", data[:4])[0] != _FIRST or struct.unpack(">I", data[-4:])[0] != _LAST:
        return None
    body, digest, tail = data[: -4 - 32], data[-4 - 32 : -4], data[-4:]
    if hashlib.sha256(body + bytes(32) + tail).digest() != digest:
        return None
    values: dict[int, bytes] = {}
    at = 4
    while at + 5 <= len(body) and body[at]:
        key, length = struct.unpack(">BI", body[at : at + 5])
        if at + 5 + length > len(body):
            return None
        values[key] = body[at + 5 : at + 5 + length]
        at += 5 + length
    return values


def offsets(partition_bytes: int) -> tuple[int, int]:
    """Where the copies stand in a partition."""
    return partition_bytes - 2 * SIZE, partition_bytes - SIZE


class PartitionStore:
    """The values on a device; what machined's Meta keeps them in."""

    def __init__(self, device: Path) -> None:
        self._device = device

    def load(self) -> dict[int, bytes]:
        """Nothing on a partition that never held any."""
        with OpenDisk(self._device) as disk:
            for offset in offsets(disk.size):
                values = decode(disk.read(offset, SIZE))
                if values is not None:
                    return values
        return {}

    def save(self, values: dict[int, bytes]) -> None:
        """Both copies, one after the other. OSError; ValueError when they do not fit."""
        data = encode(values)
        with OpenDisk(self._device, writable=True) as disk:
            for offset in offsets(disk.size):
                disk.write(offset, data)
                disk.flush()
