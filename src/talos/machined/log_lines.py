"""A line of a log as one of JSON (format `json_lines`).

`msg`, `talos-level`, `talos-service` and `talos-time` are always there. What a program writes as JSON itself keeps its
further fields; the tags of the destination stand beside them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from talos.linux.kmsg import Record, stamp

MAX_TEXT = 32 << 10
"""characters of a message; a datagram holds 64 KiB"""
_OWN = re.compile(
    r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z) (DEBUG|INFO|WARNING|WARN|ERROR|CRITICAL) (.*)", re.DOTALL
)
"""what this node's own services write (talos.service_process)"""
_CONSOLE = re.compile(r"\[talos\] (\d{4})/(\d\d)/(\d\d) (\d\d:\d\d:\d\d) (.*)", re.DOTALL)
"""kernel.log of a container node (talos.machined.logging_setup)"""
_LEVELS = {
    **dict.fromkeys(("trace", "debug"), "debug"),
    **dict.fromkeys(("info", "notice"), "info"),
    **dict.fromkeys(("warn", "warning"), "warn"),
    **dict.fromkeys(("error", "err", "crit", "critical", "alert", "emerg", "panic", "fatal", "dpanic"), "error"),
}
_TIMES = ("ts", "time")
_MILLISECONDS = 1e11
"""a number of a time that is larger counts these, not seconds"""


def service_line(service: str, line: bytes, now: datetime, tags: Mapping[str, str]) -> bytes:
    """`now` is the time of a line that says none."""
    text = line.decode(errors="replace")
    fields: dict[str, Any] = {}
    message, level, time = text, "info", _rfc3339(now)
    if (own := _OWN.fullmatch(text)) is not None:
        time, level, message = own[1], _LEVELS[own[2].lower()], own[3]
    elif text.startswith("{") and (written := _object(text)) is not None:
        fields = written
        message = str(fields.pop("msg", fields.pop("message", text)))
        # A level that is a number says how detailed it is, as klog's v does.
        level = _LEVELS.get(str(fields.pop("level", "")).lower(), "error" if fields.get("err") else "info")
        time = next((found for key in _TIMES if (found := _time(fields.pop(key, None)))), time)
    return _encoded(fields, tags, message, **{"talos-level": level, "talos-service": service, "talos-time": time})


def kernel_line(record: Record, boot_ns: int) -> bytes:
    """A record of /dev/kmsg."""
    fields = {
        "clock": record.microseconds,
        "facility": record.facility,
        "priority": record.level,
        "seq": record.sequence,
    }
    more = {"talos-level": _LEVELS[record.level], "talos-time": stamp(record, boot_ns)}
    return _encoded(fields, {}, record.text, **more)


def console_line(line: bytes, now: datetime) -> bytes:
    """A line of the log that a container node has in place of a kernel's."""
    text, time = line.decode(errors="replace"), _rfc3339(now)
    if (found := _CONSOLE.fullmatch(text)) is not None:
        time, text = f"{found[1]}-{found[2]}-{found[3]}T{found[4]}Z", f"[talos] {found[5]}"
    fields = {"facility": "user", "priority": "info"}
    return _encoded(fields, {}, text, **{"talos-level": "info", "talos-time": time})


def lost_line(count: int, now: datetime, tags: Mapping[str, str]) -> bytes:
    """In place of lines that nobody took in time."""
    text = f"{count} lines of logs were dropped: this destination was away, or slower than they came"
    more = {"talos-level": "warn", "talos-service": "machined", "talos-time": _rfc3339(now)}
    return _encoded({}, tags, text, **more)


def _encoded(fields: Mapping[str, Any], tags: Mapping[str, str], message: str, **fixed: str) -> bytes:
    found = {**fields, **tags, "msg": message[:MAX_TEXT], **fixed}
    data = json.dumps(found, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode(errors="replace")
    if len(data) <= 2 * MAX_TEXT - 1024:
        return data
    # Fields larger than a datagram, or text of many bytes a character: what must be there, and less of it.
    cut = {**tags, "msg": message[: MAX_TEXT // 4], **fixed}
    return json.dumps(cut, ensure_ascii=False, separators=(",", ":")).encode(errors="replace")


def _object(text: str) -> dict[str, Any] | None:
    try:
        found = json.loads(text, parse_constant=str)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _time(value: Any) -> str:
    """RFC 3339, "" for what is no time."""
    if isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            return ""
        return value if value.endswith("Z") else _rfc3339(moment.astimezone(UTC))
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            return _rfc3339(datetime.fromtimestamp(value / 1000 if value > _MILLISECONDS else value, UTC))
        except (OverflowError, OSError, ValueError):
            return ""
    return ""


def _rfc3339(moment: datetime) -> str:
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")
