"""Tables, times and sizes as the commands print them."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from google.protobuf.timestamp_pb2 import Timestamp

GAP = 3


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Columns as wide as their widest cell and three spaces; the last one is not padded."""
    lines = [list(header), *([str(cell) for cell in row] for row in rows)]
    columns(lines)


def columns(lines: Sequence[Sequence[str]]) -> None:
    """Print aligned lines."""
    count = max((len(line) for line in lines), default=0)
    widths = [max((len(line[i]) for line in lines if i < len(line) - 1), default=0) for i in range(count)]
    out = []
    for line in lines:
        out.append(
            "".join(cell.ljust(widths[i] + GAP) for i, cell in enumerate(line[:-1])) + (line[-1] if line else "")
        )
    sys.stdout.write("".join(text + "\n" for text in out))


def moment(stamp: Timestamp) -> datetime:
    """UTC time of a protobuf timestamp."""
    return datetime.fromtimestamp(stamp.seconds + stamp.nanos / 1e9, UTC)


def now() -> datetime:
    """The time here; tests put another in its place."""
    return datetime.now(UTC)


def ago(stamp: Timestamp) -> str:
    """4m7s ago; empty if the time is not set."""
    if not stamp.seconds:
        return ""
    return f"{duration(int((now() - moment(stamp)).total_seconds()))} ago"


def duration(seconds: int) -> str:
    """1h2m3s, as Go writes it."""
    hours, rest = divmod(max(0, seconds), 3600)
    minutes, left = divmod(rest, 60)
    if hours:
        return f"{hours}h{minutes}m{left}s"
    return f"{minutes}m{left}s" if minutes else f"{left}s"


def size(count: float) -> str:
    """1.6 GB: decimal units, two significant digits below ten."""
    for unit in ("B", "kB", "MB", "GB", "TB", "PB"):
        if count < 1000 or unit == "PB":
            return f"{count:.1f} {unit}" if count < 10 and unit != "B" else f"{count:.0f} {unit}"
        count /= 1000
    raise AssertionError("unreachable")
