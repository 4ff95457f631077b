"""Decompression by libzstd, which every root has: OpenSSL is linked with it. Python 3.13 knows no zstd of its own."""

from __future__ import annotations

import ctypes
from functools import cache

LIBRARY = "libzstd.so.1"


class ZstdError(Exception):
    """It is no zstd frame, a damaged one, or longer than allowed; the text says which."""


@cache
def _library() -> ctypes.CDLL:
    try:
        library = ctypes.CDLL(LIBRARY)
    except OSError as error:
        raise ZstdError(f"{LIBRARY} cannot be loaded: {error}") from error
    library.ZSTD_decompress.restype = ctypes.c_size_t
    library.ZSTD_decompress.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t]
    library.ZSTD_isError.argtypes = [ctypes.c_size_t]
    library.ZSTD_getErrorName.restype = ctypes.c_char_p
    library.ZSTD_getErrorName.argtypes = [ctypes.c_size_t]
    return library


def decompress(data: bytes, limit: int) -> bytes:
    """What the frames hold, at most `limit` bytes. ZstdError. Not by the size that a frame announces: what was
    compressed from a pipe announces none."""
    library, buffer = _library(), ctypes.create_string_buffer(limit)
    done = library.ZSTD_decompress(buffer, limit, data, len(data))
    if library.ZSTD_isError(done):
        name = (library.ZSTD_getErrorName(done) or b"").decode()
        raise ZstdError(f"longer than {limit >> 20} MiB" if "too small" in name else name)
    return buffer.raw[:done]
