"""What an etcd snapshot holds, as `etcdutl snapshot status` tells it: the figures by which two copies are compared."""

from __future__ import annotations

import mmap
from pathlib import Path
from typing import NamedTuple

import google_crc32c

from talos.talosctl.bolt import BoltError, Database
from talos.talosctl.quick_version import read_varint

_TOMBSTONE_BYTES = 18
"""revision (8), "_", number within it (8), and "t": the key was deleted then"""
_REVISION_BYTES = 17


class Status(NamedTuple):
    """hash: CRC-32C over names of buckets, keys and values. keys: those that are not deleted. size: bytes."""

    hash: int
    revision: int
    keys: int
    size: int

    def __str__(self) -> str:
        return f"hash {self.hash:08x}, revision {self.revision}, total keys {self.keys}, total size {self.size}"


def status(path: Path) -> Status:
    """BoltError: the file is damaged. OSError."""
    with path.open("rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    # Not closed here: an error's traceback still holds pieces of it.
    return _status(Database(memoryview(mapped)))


def _status(database: Database) -> Status:
    total, revision = 0, 0
    keys: set[bytes] = set()
    for name, pairs in database.buckets():
        total = google_crc32c.extend(total, name)
        for key, value in pairs:
            total = google_crc32c.extend(google_crc32c.extend(total, key), value)
            if name != b"key":
                continue
            if len(key) not in (_REVISION_BYTES, _TOMBSTONE_BYTES):
                raise BoltError(f"{key.hex()} is no revision")
            revision = int.from_bytes(key[:8])
            (keys.discard if len(key) == _TOMBSTONE_BYTES else keys.add)(_key_of(value))
    return Status(total, revision, len(keys), database.size)


def _key_of(value: bytes) -> bytes:
    """Field 1 of an mvccpb.KeyValue, which is written first."""
    if value[:1] != b"\x0a":
        raise BoltError("a value of etcd does not begin with its key")
    try:
        length, at = read_varint(value, 1)
    except (IndexError, ValueError) as error:
        raise BoltError("a key of etcd is cut off") from error
    if at + length > len(value):
        raise BoltError("a key of etcd is cut off")
    return value[at : at + length]
