"""Scalars in the text forms that Go's standard library gives them, because that is what clients compare."""

from __future__ import annotations

import datetime
from urllib.parse import urlsplit


def duration(value: datetime.timedelta) -> str:
    """time.Duration.String: 1h30m0s, 1m0s, 1.5s, 300ms, 20µs, 0s."""
    total = (value.days * 86400 + value.seconds) * 1_000_000 + value.microseconds
    sign, total = ("-", -total) if total < 0 else ("", total)
    if total == 0:
        return "0s"
    if total < 1000:
        return f"{sign}{total}µs"
    if total < 1_000_000:
        return f"{sign}{_fraction(total, 1000)}ms"
    minutes, micros = divmod(total, 60_000_000)
    hours, minutes = divmod(minutes, 60)
    text = f"{_fraction(micros, 1_000_000)}s"
    if hours:
        return f"{sign}{hours}h{minutes}m{text}"
    return f"{sign}{minutes}m{text}" if minutes else f"{sign}{text}"


def _fraction(value: int, unit: int) -> str:
    whole, rest = divmod(value, unit)
    if not rest:
        return str(whole)
    return f"{whole}.{rest:0{len(str(unit)) - 1}d}".rstrip("0")


def timestamp(value: datetime.datetime) -> str:
    """RFC 3339 in UTC, with as many digits of the second as needed."""
    utc = value.astimezone(datetime.UTC)
    text = f"{utc.year:04d}-{utc.month:02d}-{utc.day:02d}T{utc.hour:02d}:{utc.minute:02d}:{utc.second:02d}"
    return text + (f".{utc.microsecond:06d}".rstrip("0") if utc.microsecond else "") + "Z"


def url(text: str) -> dict[str, object]:
    """The fields of url.URL as yaml.v3 writes them."""
    parts = urlsplit(text)
    return {
        "scheme": parts.scheme,
        "opaque": "",
        "user": None,
        "host": parts.netloc,
        "path": parts.path,
        "fragment": parts.fragment,
        "rawquery": parts.query,
        "rawpath": "",
        "rawfragment": "",
        "forcequery": False,
        "omithost": False,
    }
