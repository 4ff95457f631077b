"""Reading the log while it grows: lines of all files in order, then what comes."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncGenerator, Callable, Iterator
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import BinaryIO

from talos.access.methods import matches
from talos.machined.audit import files
from talos.machined.audit.log import AuditLog, stamp

BLOCK = 64 << 10
Wanted = Callable[[bytes], bool]


async def blocks(audit: AuditLog, *, follow: bool, after: int = 0) -> AsyncGenerator[list[bytes], None]:
    """Lines without their newlines, some at a time; only files that may hold records beyond number `after`."""
    file = _start(audit.folder, after)
    if file is None and not follow:
        return
    rest = b""
    try:
        while True:
            news = audit.written
            if file is None:
                file = _start(audit.folder, after)
            while file is not None and (data := file.read(BLOCK)):
                *lines, rest = (rest + data).split(b"\n")
                if lines:
                    yield lines
                await asyncio.sleep(0)
            if file is not None and (following := _behind(audit.folder, file)) is not None:
                file.close()
                file, rest = following, b""
            elif follow:
                await news.wait()
            else:
                return
    finally:
        if file is not None:
            file.close()


def _start(folder: Path, after: int) -> BinaryIO | None:
    found = files.files(folder)
    while len(found) > 1 and 0 < files.first_seq(found[1]) <= after + 1:
        del found[0]
    return found[0].open("rb") if found else None


def _behind(folder: Path, file: BinaryIO) -> BinaryIO | None:
    """The file that follows an open one; None for the last. A file that is gone meanwhile: the oldest there is."""
    inode = os.fstat(file.fileno()).st_ino
    found = files.files(folder)
    inodes = [path.stat().st_ino for path in found]
    position = inodes.index(inode) + 1 if inode in inodes else 0
    return found[position].open("rb") if position < len(found) else None


def wanted(
    names: list[str], methods: list[str], since: datetime | None, until: datetime | None, failed: bool
) -> Wanted | None:
    """A filter of lines; None if everything is wanted. Records that are no calls pass only when nothing is asked."""
    if not (names or methods or since or until or failed):
        return None
    first = stamp(since) if since is not None else ""
    last = stamp(until) if until is not None else "~"

    def passes(line: bytes) -> bool:
        try:
            record = json.loads(line)
        except ValueError:
            return False
        if not isinstance(record, dict) or not first <= str(record.get("time", "")) <= last:
            return False
        if not (names or methods or failed):
            return True
        if "method" not in record:
            return False
        if failed and record.get("code", "OK") == "OK":
            return False
        name, method = str(record.get("caller", {}).get("name", "")), str(record["method"])
        return (not names or any(fnmatchcase(name, glob) for glob in names)) and (
            not methods or any(matches(method, glob) for glob in methods)
        )

    return passes


def tail(folder: Path, count: int, matches: Wanted | None) -> Iterator[bytes]:
    """The last `count` lines that match, last first."""
    for path in reversed(files.files(folder)):
        for line in files.reversed_lines(path):
            if matches is None or matches(line):
                yield line
                count -= 1
                if count <= 0:
                    return


def moment(seconds: int, nanos: int) -> datetime:
    """A protobuf Timestamp. ValueError for one that no clock shows."""
    try:
        return datetime.fromtimestamp(seconds, UTC).replace(microsecond=nanos // 1000)
    except (OverflowError, OSError) as error:
        raise ValueError(f"{seconds} is no time") from error
