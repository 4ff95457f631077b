"""Replacing a file so that a crash or a full disk leaves either the old or the new content, never a part."""

from __future__ import annotations

import contextlib
import logging
import os
from pathlib import Path

log = logging.getLogger("machined.durable")


def write(path: Path, data: bytes, mode: int = 0o600) -> None:
    """Write, flush to the disk and rename. OSError (ENOSPC among others) leaves `path` as it was."""
    partial = path.with_name(f".{path.name}.new")
    try:
        fd = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, mode)
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(fd, view) :]
            os.fchmod(fd, mode)
            os.fsync(fd)
        finally:
            os.close(fd)
        partial.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            partial.unlink()
        raise
    _sync_folder(path.parent)


def make_folder(path: Path, mode: int = 0o700) -> None:
    """Make a folder for good; one that exists is fine."""
    path.mkdir(mode=mode, exist_ok=True)
    _sync_folder(path.parent)


def remove(path: Path) -> None:
    """Remove a file for good; none there is fine."""
    path.unlink(missing_ok=True)
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    """The change in the folder is made by now and seen by everybody. Should the disk not take it, an error would say
    that nothing changed, which is not so; whether it survives a crash nobody can promise then."""
    try:
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)
    except OSError as error:
        log.error("a change in %s may be lost if the node crashes now: %s", folder, error)
