"""YAML of a spec back into the spec: what no node needs, but the comparison with a genuine one does."""

from __future__ import annotations

import base64
import datetime
import re
import types
import typing
from typing import Any

import msgspec

from talos.state.enums import WireEnum, WireFlag
from talos.state.spec import layout

_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "µs": 1e-6}


def decode(kind: type[msgspec.Struct], data: Any) -> Any:
    """The struct of plain data; AssertionError for a key that it does not have."""
    hints = typing.get_type_hints(kind)
    forms = layout(kind).forms
    for name, form in forms.items():
        if form == "inline":
            return kind(**{name: _value(hints[name], data, "")})
    rest = dict(data or {})
    values = {
        name: _value(hints[name], rest.pop(key), forms.get(name, ""))
        for name, key in zip(kind.__struct_fields__, kind.__struct_encode_fields__, strict=True)
        if key in rest
    }
    assert not rest, f"{kind.__name__} lacks {list(rest)}"
    return kind(**values)


def _value(hint: Any, value: Any, form: str) -> Any:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return None if value is None else _value(arguments[0], value, form)
    if origin is list:
        return [_value(arguments[0], item, form) for item in value or []]
    if origin is dict:
        return {key: _value(arguments[1], item, form) for key, item in (value or {}).items()}
    if hint is Any:
        return value
    if issubclass(hint, msgspec.Struct):
        return decode(hint, value)
    if issubclass(hint, WireEnum | WireFlag):
        return hint.parse(value)
    if hint is datetime.timedelta:
        parts = re.findall(r"([\d.]+)(h|ms|µs|m|s)", value)
        return datetime.timedelta(seconds=sum(float(number) * _UNITS[unit] for number, unit in parts))
    if hint is datetime.datetime:
        return value if isinstance(value, datetime.datetime) else datetime.datetime.fromisoformat(value)
    if hint is bytes:
        return bytes(value)
    match form:
        case "base64":
            return base64.b64decode(value).decode()
        case "url":
            return f"{value['scheme']}://{value['host']}{value['path']}"
        case "quoted":
            return value == "true"
    return value
