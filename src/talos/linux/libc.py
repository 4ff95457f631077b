"""The C library, loaded once: functions that Python's os module does not offer are called through it."""

from __future__ import annotations

import ctypes
import os
from typing import Any

_library: Any = None


def libc() -> Any:
    """The C library with errno kept. Loading is put off: importing this module costs nothing."""
    global _library
    if _library is None:
        _library = ctypes.CDLL(None, use_errno=True)
    return _library


def check(result: int, what: str, path: str | None = None) -> int:
    """`result` of a system call, or OSError from errno when it is negative."""
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{what}: {os.strerror(code)}", path)
    return result
