"""What a request asked for, in a few words and without what must not be in a log.

Bytes are never shown (configurations, META values, snapshots), only how many; of text, what a field's name gives away
as secret is left out; everything is cut to a length, since a log must not be filled by one request.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

MAX_TEXT = 200
MAX_ITEMS = 16
MAX_DEPTH = 4
HIDDEN = re.compile(
    r"token|secret|passw|passphrase|private|credential|(^|_)auth($|_)|yaml_spec|proto_spec|(^|_)env($|_)"
)


def summary(message: Message, depth: int = 0) -> dict[str, Any]:
    """Fields that are set, by name."""
    if depth >= MAX_DEPTH:
        return {}
    found: dict[str, Any] = {}
    for field, value in message.ListFields():
        name = field.name
        if HIDDEN.search(name):
            found[name] = "hidden"
        elif isinstance(value, Sequence | Mapping) and not isinstance(value, str | bytes):
            found[name] = _repeated(field, value, depth)
        else:
            found[name] = _value(field, value, depth)
    return found


def _repeated(field: FieldDescriptor, value: Any, depth: int) -> Any:
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        return {clipped(str(key)): "…" for key in list(value)[:MAX_ITEMS]}
    shown = [_value(field, item, depth) for item in value[:MAX_ITEMS]]
    return shown if len(value) <= MAX_ITEMS else [*shown, f"{len(value) - MAX_ITEMS} more"]


def _value(field: FieldDescriptor, value: Any, depth: int) -> Any:
    match field.type:
        case FieldDescriptor.TYPE_MESSAGE:
            match value.DESCRIPTOR.full_name:
                case "google.protobuf.Duration":
                    return f"{value.ToNanoseconds() / 1e9:g}s"
                case "google.protobuf.Timestamp":
                    return f"{value.seconds}.{value.nanos:09d}"
            return summary(value, depth + 1)
        case FieldDescriptor.TYPE_BYTES:
            return f"{len(value)} bytes"
        case FieldDescriptor.TYPE_ENUM:
            known = field.enum_type.values_by_number.get(value) if field.enum_type is not None else None
            return known.name if known is not None else value
        case FieldDescriptor.TYPE_STRING:
            return clipped(value)
        case _:
            return value


def clipped(text: str, limit: int = MAX_TEXT) -> str:
    """A text of at most `limit` characters, and how many it had."""
    return text if len(text) <= limit else f"{text[:limit]}… ({len(text)} characters)"
