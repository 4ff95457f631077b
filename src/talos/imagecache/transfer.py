"""Copying a cache from a medium into one that stays: what is there already is left, nothing is ever half there.

A medium may be worn out or somebody else's: only folders and files count, and a blob or a manifest that is not what its
digest says is not taken.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

from talos.imagecache.layout import CacheError, digest_of, read_blob, write_blob
from talos.imagecache.reference import is_digest

SMALL = 4 << 20
"""bytes up to which a manifest is compared instead of only its size"""


def files(root: Path) -> Iterator[Path]:
    """Of a cache, blobs before the manifests that name them. CacheError: something else lies there; OSError."""
    for part in ("blob", "manifests"):
        top = root / part
        if not top.is_dir():
            continue
        for folder, names, found in os.walk(top, onerror=_raise):
            names.sort()
            for name in sorted([*found, *(name for name in names if Path(folder, name).is_symlink())]):
                path = Path(folder, name)
                if not stat.S_ISREG(path.lstat().st_mode):
                    raise CacheError(f"{path} is neither a folder nor a file: this is no cache of images")
                if not name.startswith("."):
                    yield path


def copy(source: Path, target: Path, progress: Callable[[int, int], None], stop: Callable[[], bool]) -> int:
    """Bytes that were copied. progress: of how many, after each file. CacheError, OSError; what came before stays."""
    wanted = list(files(source))
    sizes = [path.stat().st_size for path in wanted]
    total, done, copied = sum(sizes), 0, 0
    for path, size in zip(wanted, sizes, strict=True):
        if stop():
            raise CacheError("it is not wanted any more")
        there = target / path.relative_to(source)
        if not _same(path, there, size):
            _one(path, there)
            copied += size
        done += size
        progress(done, total)
    return copied


def _raise(error: OSError) -> None:
    raise error


def _same(path: Path, there: Path, size: int) -> bool:
    try:
        if there.stat().st_size != size:
            return False
    except FileNotFoundError:
        return False
    return _digest(path) != "" or size > SMALL or path.read_bytes() == there.read_bytes()


def _one(path: Path, there: Path) -> None:
    digest = _digest(path)
    if not digest:  # a manifest by its tag
        digest = digest_of(path.read_bytes())
    try:
        write_blob(there, digest, read_blob(path))
    except CacheError as error:
        raise CacheError(f"{path} is damaged: {error}") from error


def _digest(path: Path) -> str:
    """That its name says, "" if it is named by a tag."""
    digest = path.name.replace("sha256-", "sha256:", 1)
    return digest if is_digest(digest) and path.parent.name in ("blob", "digest") else ""
