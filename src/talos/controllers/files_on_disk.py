"""Writing the files that other programs read: whole or not at all, and only when they changed."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path


def write_directory(
    directory: Path, files: Mapping[str, bytes], *, uid: int, mode: int = 0o400, directory_mode: int = 0o755
) -> bool:
    """Make a directory hold these files, owned by ``uid`` and the group of the same number. True if one changed.

    Files that are not in ``files`` are removed. A private directory (0700) belongs to ``uid`` as well, an open one to
    root, so that a pod cannot add to what it was given.
    """
    directory.mkdir(parents=True, exist_ok=True)
    private = not directory_mode & 0o077
    if os.geteuid() == 0:
        os.chown(directory, uid if private else 0, uid if private else 0)
    directory.chmod(directory_mode)
    changed = False
    for name, content in files.items():
        changed |= write_file(directory / name, content, uid=uid, mode=mode)
    for path in directory.iterdir():
        if path.is_file() and path.name not in files:
            path.unlink()
            changed = True
    return changed


def write_file(path: Path, content: bytes, *, uid: int = 0, mode: int = 0o400) -> bool:
    """Replace a file by rename, so that nobody reads half of it. True if the content changed."""
    try:
        if path.read_bytes() == content:
            return False
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.new")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:  # unlike os.write, which writes a part when the disk is full
            file.write(content)
            os.fchmod(descriptor, mode)
            if os.geteuid() == 0:  # tests run as anybody
                os.fchown(descriptor, uid, uid)
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    return True
