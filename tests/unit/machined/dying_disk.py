"""A process that dies, or a disk that is full, at the n-th operation on files."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

CHANGING = ("open", "write", "fchmod", "fsync", "replace", "rename", "unlink", "mkdir", "rmdir", "close")
GROWING = ("open", "write", "mkdir", "fsync")
"""what a full disk refuses"""


class Dead(BaseException):
    """kill -9: nothing of the process runs any more, its cleaning up neither."""


class Disk:
    """Counts operations; at number `at` the process dies (`full` False) or the disk is full from then on."""

    def __init__(self, at: int, full: bool) -> None:
        self.at, self.full, self.count = at, full, 0

    def wrapped(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        """The operation of that name."""

        def operation(*args: Any, **kwargs: Any) -> Any:
            if name == "open" and self.full and not args[1] & os.O_CREAT:
                return real(*args, **kwargs)
            self.count += 1
            if self.count < self.at:
                return real(*args, **kwargs)
            if name == "write" and self.count == self.at and len(args[1]) > 1:
                real(args[0], args[1][: len(args[1]) // 2])  # a part reached the disk
            if not self.full:
                raise Dead
            if name in GROWING:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return real(*args, **kwargs)

        return operation


@contextmanager
def failing(at: int, *, full: bool = False) -> Iterator[Disk]:
    """File operations of this process fail from number `at` on; `at` 0: they are only counted."""
    disk = Disk(at or 1 << 30, full)
    with pytest.MonkeyPatch.context() as patch:
        for name in GROWING if full else CHANGING:
            patch.setattr(os, name, disk.wrapped(name, getattr(os, name)))
        yield disk
