"""The files of the audit log: api.log, which grows, and the closed ones, named after their first record.

/var/log/audit/api-000000000001.log   closed
/var/log/audit/api.log                written to
/var/log/audit/.reserve               room for the records of a full disk
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from talos.audit.chain import BrokenLineError, Head, unseal

CURRENT = "api.log"
RESERVE = ".reserve"
MAX_LINE_BYTES = 64 << 10
"""more than any line has; what a file holds beyond it without a newline is no line"""


def closed(folder: Path) -> list[Path]:
    """Closed files, oldest first."""
    return sorted(path for path in folder.glob("api-*.log") if path.name[4:-4].isdigit())


def files(folder: Path) -> list[Path]:
    """All files, oldest first."""
    current = folder / CURRENT
    return [*closed(folder), *([current] if current.exists() else [])]


def first_seq(path: Path) -> int:
    """Sequence number of a file's first record, 0 if it has none that can be read."""
    with path.open("rb") as file:
        try:
            return unseal(file.readline(MAX_LINE_BYTES)).head.seq
        except BrokenLineError:
            return 0


def last_head(path: Path) -> Head | None:
    """Head after the last whole record of a file, None if there is none."""
    for line in reversed_lines(path):
        try:
            return unseal(line).head
        except BrokenLineError:
            continue
    return None


def whole_length(fd: int, size: int) -> tuple[int, bool]:
    """(bytes of the file that are whole lines, what is missing is but a newline): a power cut leaves a last line
    without its end, or zeros where its bytes never came to the disk; its record was never acknowledged."""
    end = size
    while end > 0:
        start = max(0, end - MAX_LINE_BYTES)
        tail = os.pread(fd, end - start, start)
        if end == size and tail.endswith(b"\n"):
            return size, False
        cut = tail.rfind(b"\n") + 1
        if cut or start == 0:
            try:
                unseal(os.pread(fd, MAX_LINE_BYTES, start + cut))
            except BrokenLineError:
                return start + cut, False
            return size, True
        end = start
    return 0, False


def reversed_lines(path: Path) -> Iterator[bytes]:
    """Lines from the last to the first."""
    with path.open("rb") as file:
        position = file.seek(0, os.SEEK_END)
        rest = b""
        while position > 0:
            size = min(MAX_LINE_BYTES, position)
            position -= size
            file.seek(position)
            head, *lines = (file.read(size) + rest).split(b"\n")
            yield from (line for line in reversed(lines) if line)
            rest = head
        if rest:
            yield rest
