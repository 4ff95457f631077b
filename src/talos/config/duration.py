"""Durations in the text form of Go's time package: ``1h30m``, ``500ms``, ``168h0m0s``.

Kept as a whole number of nanoseconds, because that is what the other side does: a float of seconds would turn
``0.3s`` into ``300.000000000000011ms`` on the way back.
"""

from __future__ import annotations

import re

_UNITS = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,  # micro sign
    "μs": 1_000,  # Greek mu
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
}
_PART = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)")
_LIMIT = 1 << 63


class Duration(int):
    """Nanoseconds; ``str()`` gives the canonical text."""

    @property
    def seconds(self) -> float:
        """Length in seconds."""
        return self / 1e9

    @classmethod
    def of(cls, *, hours: float = 0, minutes: float = 0, seconds: float = 0) -> Duration:
        """Build from usual units."""
        return cls(round((hours * 3600 + minutes * 60 + seconds) * 1e9))

    @classmethod
    def parse(cls, text: str) -> Duration:
        """Read Go's form. ValueError when it is none; a bare number has no unit and is refused (except 0)."""
        body = text[1:] if text[:1] in ("-", "+") else text
        if body == "0":
            return cls(0)
        total, position = 0, 0
        while position < len(body):
            part = _PART.match(body, position)
            if part is None:
                raise ValueError(f"{text!r} is no duration: write a number with a unit, such as 30s, 5m or 1h30m")
            whole, _, fraction = part[1].partition(".")
            unit = _UNITS[part[2]]
            total += int(whole or 0) * unit + (int(fraction) * unit // 10 ** len(fraction) if fraction else 0)
            position = part.end()
        if not body or total >= _LIMIT:
            raise ValueError(f"{text!r} is no duration: " + ("it is empty" if not body else "it is too long"))
        return cls(-total if text[0] == "-" else total)

    def __str__(self) -> str:
        value = abs(int(self))
        sign = "-" if self < 0 else ""
        if value == 0:
            return "0s"
        if value < 1_000_000_000:
            for unit, size in (("ms", 1_000_000), ("µs", 1_000), ("ns", 1)):
                if value >= size:
                    return f"{sign}{_decimal(value, size)}{unit}"
        minutes, rest = divmod(value, _UNITS["m"])
        text = _decimal(rest, 1_000_000_000) + "s"
        hours, minutes = divmod(minutes, 60)
        if hours:
            return f"{sign}{hours}h{minutes}m{text}"
        return f"{sign}{minutes}m{text}" if minutes else sign + text

    __repr__ = __str__


def _decimal(value: int, unit: int) -> str:
    whole, rest = divmod(value, unit)
    if not rest:
        return str(whole)
    return f"{whole}.{str(rest).zfill(len(str(unit)) - 1).rstrip('0')}"


def format_duration(seconds: float) -> str:
    """Seconds in the same text form."""
    return str(Duration.of(seconds=seconds))
