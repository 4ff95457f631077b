"""Reads a bbolt file (go.etcd.io/bbolt, file format 2), which is what an etcd snapshot is.

Pages of one size; the valid meta page of the newer transaction names the root bucket. A bucket is a tree of branch and
leaf pages; a leaf element with the bucket flag holds a bucket's root page instead of a value, or, with root 0, its only
page behind the header. Every offset is checked against the file, and no page lies below itself: the file is foreign.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

MAGIC, VERSION = 0xED0CDAED, 2
_BRANCH, _LEAF, _META = 0x01, 0x02, 0x04
_BUCKET = 1
_DEPTH = 64
"""pages above a page; a tree of 2 to the 64 leaves is deep enough"""
_PAGE = struct.Struct("<QHHI")
_META_PAGE = struct.Struct("<IIIIQQQQQQ")
_BRANCH_ELEMENT = struct.Struct("<IIQ")
_LEAF_ELEMENT = struct.Struct("<IIII")
_BUCKET_HEADER = struct.Struct("<QQ")


class BoltError(ValueError):
    """The file is not what it should be; the text says where."""


class Database:
    """size: bytes up to the highest page in use. BoltError."""

    def __init__(self, data: memoryview) -> None:
        self._data = data
        metas = [meta for meta in (self._meta(0), self._second_meta()) if meta is not None]
        if not metas:
            raise BoltError("no valid meta page: this is no bbolt file")
        self._page_size, self._root, pages, _ = max(metas, key=lambda meta: meta[3])
        self.size = pages * self._page_size

    def _second_meta(self) -> tuple[int, int, int, int] | None:
        """It lies on page 1, and how large a page is says each of them."""
        for size in (4096, 1024, 2048, 8192, 16384, 32768, 65536):
            meta = self._meta(size)
            if meta is not None and meta[0] == size:
                return meta
        return None

    def _meta(self, at: int) -> tuple[int, int, int, int] | None:
        """Page size, root page, pages, transaction."""
        if at + _PAGE.size + _META_PAGE.size > len(self._data):
            return None
        _, flags, _, _ = _PAGE.unpack_from(self._data, at)
        start = at + _PAGE.size
        magic, version, size, _, root, _, _, pages, transaction, checksum = _META_PAGE.unpack_from(self._data, start)
        if not flags & _META or magic != MAGIC or version != VERSION or size < 512:
            return None
        if checksum != _fnv64a(self._data[start : start + _META_PAGE.size - 8]):
            return None
        return size, root, pages, transaction

    def buckets(self) -> Iterator[tuple[bytes, Iterator[tuple[bytes, bytes]]]]:
        """Name and keys with values of each bucket, in order of their bytes."""
        for name, flags, value in self._walk(self._root):
            if not flags & _BUCKET:
                raise BoltError(f"{name!r} of the root is no bucket")
            yield name, self._pairs(value)

    def _pairs(self, header: bytes) -> Iterator[tuple[bytes, bytes]]:
        if len(header) < _BUCKET_HEADER.size:
            raise BoltError("a bucket is cut off")
        root, _ = _BUCKET_HEADER.unpack_from(header)
        found = self._walk(root) if root else _leaf(memoryview(header)[_BUCKET_HEADER.size :])
        for key, flags, value in found:
            yield key, b"" if flags & _BUCKET else value

    def _walk(self, page: int, above: tuple[int, ...] = ()) -> Iterator[tuple[bytes, int, bytes]]:
        if page in above or len(above) > _DEPTH:
            raise BoltError(f"page {page} is part of its own tree")
        data = self._page(page)
        _, flags, count, _ = _PAGE.unpack_from(data)
        if flags & _LEAF:
            yield from _leaf(data)
        elif flags & _BRANCH:
            if _PAGE.size + count * _BRANCH_ELEMENT.size > len(data):
                raise BoltError(f"page {page} is cut off")
            for number in range(count):
                child = _BRANCH_ELEMENT.unpack_from(data, _PAGE.size + number * _BRANCH_ELEMENT.size)[2]
                yield from self._walk(child, (*above, page))
        else:
            raise BoltError(f"page {page} is neither branch nor leaf")

    def _page(self, page: int) -> memoryview:
        at = page * self._page_size
        if at + _PAGE.size > len(self._data):
            raise BoltError(f"page {page} lies behind the end")
        number, _, _, overflow = _PAGE.unpack_from(self._data, at)
        end = at + (overflow + 1) * self._page_size
        if number != page or end > len(self._data):
            raise BoltError(f"page {page} is damaged")
        return self._data[at:end]


def _leaf(data: memoryview) -> Iterator[tuple[bytes, int, bytes]]:
    """Key, flags and value of each element."""
    if len(data) < _PAGE.size:
        raise BoltError("a page is cut off")
    _, flags, count, _ = _PAGE.unpack_from(data)
    if not flags & _LEAF or _PAGE.size + count * _LEAF_ELEMENT.size > len(data):
        raise BoltError("a page is no whole leaf")
    for number in range(count):
        at = _PAGE.size + number * _LEAF_ELEMENT.size
        marks, offset, key_size, value_size = _LEAF_ELEMENT.unpack_from(data, at)
        middle = at + offset + key_size
        if middle + value_size > len(data):
            raise BoltError("an element reaches behind its page")
        yield bytes(data[at + offset : middle]), marks, bytes(data[middle : middle + value_size])


def _fnv64a(data: memoryview) -> int:
    value = 0xCBF29CE484222325
    for byte in data:
        value = (value ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return value
