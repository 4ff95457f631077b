"""Specs as plain data in the order and the text forms of a genuine node's yaml_spec.

Only what leaves the node passes here (`talosctl get`, clients of cosi.resource.State),
so plans are made at first use and nothing of it burdens a node that nobody looks at.
"""

from __future__ import annotations

import base64
import datetime
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from talos.state import go_text
from talos.state.clock import ZERO_TIME
from talos.state.enums import WireEnum, WireFlag
from talos.state.spec import Layout, layout

_EMPTY: tuple[Any, ...] = (None, "", 0, b"", [], {}, datetime.timedelta(), ZERO_TIME)  # 0 == 0.0 == False
_FORMS: dict[str, Callable[[Any], Any]] = {
    "base64": lambda value: base64.b64encode(value.encode()).decode(),
    "quoted": lambda value: str(value).lower() if isinstance(value, bool) else str(value),
    "url": go_text.url,
}

_Step = tuple[str, str, Callable[[Any], bool], Callable[[Any], Any] | None]
_plans: dict[type, tuple[_Step, ...]] = {}
_inline: dict[type, str | None] = {}


def to_plain(value: Any, mapping: Callable[[Any], Any] = dict) -> Any:
    """Plain data of a spec or any value in it: dict, list, str, int, float, bool, None and datetime.

    `mapping` is applied to free mappings (not to structs), which Go writes in order of
    their keys: pass a type that the YAML writer sorts.
    """
    kind = type(value)
    if kind in (str, int, float, bool, type(None)):
        return value
    if isinstance(value, msgspec.Struct):
        return _struct(value, kind, mapping)
    if isinstance(value, Mapping):
        return mapping({to_plain(k, mapping): to_plain(v, mapping) for k, v in value.items()})
    if isinstance(value, list | tuple | set | frozenset):
        return [to_plain(item, mapping) for item in value]
    if isinstance(value, WireEnum | WireFlag):
        return value.text
    if isinstance(value, datetime.timedelta):
        return go_text.duration(value)
    if isinstance(value, datetime.datetime):
        return value
    if isinstance(value, bytes):
        return list(value)
    raise TypeError(f"{kind.__name__} has no plain form")


def _struct(value: msgspec.Struct, kind: type, mapping: Callable[[Any], Any]) -> Any:
    plan = _plans.get(kind) or _make_plan(kind)
    inline = _inline[kind]
    if inline is not None:
        return to_plain(getattr(value, inline), mapping)
    plain = {}
    for attribute, key, omit, form in plan:
        item = getattr(value, attribute)
        if omit(item):
            continue
        if form is None or item is None:
            plain[key] = to_plain(item, mapping)
        elif isinstance(item, list):
            plain[key] = [form(i) for i in item]
        else:
            plain[key] = form(item)
    return plain


def _is_empty(item: Any) -> bool:
    """Go's zero value."""
    return not isinstance(item, msgspec.Struct) and item in _EMPTY


def _make_plan(kind: type[msgspec.Struct]) -> tuple[_Step, ...]:
    about = layout(kind)
    _inline[kind] = next((name for name, form in about.forms.items() if form == "inline"), None)
    # an attribute whose default is None is a pointer in Go: left out when nil, written when it points to zero
    fields = kind.__struct_fields__
    defaults = kind.__struct_defaults__
    pointers = {
        name for name, default in zip(fields[len(fields) - len(defaults) :], defaults, strict=True) if default is None
    }
    plan = tuple(
        (name, key, _omission(name, about, pointers), _FORMS.get(about.forms.get(name, "")))
        for name, key in zip(fields, kind.__struct_encode_fields__, strict=True)
    )
    _plans[kind] = plan
    return plan


def _never(item: Any) -> bool:
    return False


def _is_none(item: Any) -> bool:
    return item is None


def _omission(name: str, about: Layout, pointers: set[str]) -> Callable[[Any], bool]:
    if name not in about.omit_empty:
        return _never
    return _is_none if name in pointers else _is_empty
