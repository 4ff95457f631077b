"""From a document class to a plan that decodes, encodes, merges and checks it.

The annotations of a class are evaluated once, when the first document of that kind is met: a node that uses thirty of
the ninety kinds pays for thirty. msgspec gives the classes (slots, equality, defaults, key names); its own decoder is
not used, because it stops at the first fault and knows no line numbers, and because ``omit when empty`` follows Go's
rules here, which differ for pointers, structures and scalars:

* optional (``X | None``): omitted when None, written even when empty or false;
* anything else: omitted when it equals its zero value, recursively, unless marked ``Kept``.
"""

from __future__ import annotations

import sys
import types
from typing import Any, Union, get_args, get_origin

import msgspec

from talos.config.duration import Duration
from talos.config.forms import Between, Cel, Deprecated, Form, Known, Marker, MergeBy, MinItems, Octal, Pattern


class Facts(msgspec.Struct):
    """What the annotations of one value say."""

    form: Form | None = None
    octal: bool = False
    keep: bool = False
    replace: bool = False
    needed: bool = False
    omit_if_none: bool = False
    secret: bool = False
    deprecated: Deprecated | None = None
    merge_by: tuple[str, ...] = ()
    width: Between | None = None
    bounds: Between | None = None
    known: tuple[str, ...] = ()
    pattern: Pattern | None = None
    min_items: int = 0
    cel: Cel | None = None


class Kind(msgspec.Struct):
    """Shape of a value: ``name`` is one of str, arg, bool, int, duration, bytes, list, map, struct, any."""

    name: str
    facts: Facts
    optional: bool = False
    item: Kind | None = None
    cls: type[msgspec.Struct] | None = None


class Field(msgspec.Struct):
    """One key of a mapping."""

    key: str
    attribute: str
    kind: Kind


class Plan(msgspec.Struct):
    """Every key of a structure, in the order in which it is written."""

    cls: type[msgspec.Struct]
    fields: tuple[Field, ...]
    by_key: dict[str, Field]


_plans: dict[type, Plan] = {}


def plan(cls: type[msgspec.Struct]) -> Plan:
    """Plan of a structure, made when it is first asked for."""
    found = _plans.get(cls)
    if found is None:
        found = _plans[cls] = _make(cls)
    return found


def _make(cls: type[msgspec.Struct]) -> Plan:
    hints = _hints(cls)
    fields = tuple(
        Field(key, attribute, _kind(hints[attribute]))
        for attribute, key in zip(cls.__struct_fields__, cls.__struct_encode_fields__, strict=True)
    )
    return Plan(cls, fields, {f.key: f for f in fields})


def _hints(cls: type[msgspec.Struct]) -> dict[str, Any]:
    """Evaluated annotations of the keys. ``typing.get_type_hints`` takes three times as long, for cases we have not."""
    wanted = frozenset(cls.__struct_fields__)
    found: dict[str, Any] = {}
    for base in reversed(cls.__mro__):
        names = vars(sys.modules[base.__module__])
        for attribute, hint in getattr(base, "__annotations__", {}).items():
            if attribute in wanted:
                found[attribute] = eval(hint, names) if isinstance(hint, str) else hint
    return found


_NAMES = {str: "str", bool: "bool", int: "int", Duration: "duration", bytes: "bytes", Any: "any"}


def _kind(hint: Any) -> Kind:
    facts, optional = Facts(), False
    while True:
        if hasattr(hint, "__metadata__"):
            for mark in hint.__metadata__:
                _note(facts, mark)
            hint = hint.__origin__
            continue
        if get_origin(hint) in (Union, types.UnionType):
            rest = [a for a in get_args(hint) if a is not type(None)]
            optional = optional or len(rest) < len(get_args(hint))
            if len(rest) == 1:
                hint = rest[0]
                continue
            return Kind("arg", facts, optional)  # str | list[str] is the only union of the contract
        break
    if hint in _NAMES:
        return Kind(_NAMES[hint], facts, optional)
    if get_origin(hint) is list:
        return Kind("list", facts, optional, _kind(get_args(hint)[0]))
    if get_origin(hint) is dict:
        return Kind("map", facts, optional, _kind(get_args(hint)[1]))
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return Kind("struct", facts, optional, cls=hint)
    raise TypeError(f"no codec for {hint!r}")


def _note(facts: Facts, mark: object) -> None:
    if isinstance(mark, Marker):
        setattr(facts, mark.name.lower(), True)
    elif isinstance(mark, Form):
        facts.form = mark
    elif isinstance(mark, Between):
        if mark.decode:
            facts.width = mark
        else:
            facts.bounds = mark
    elif isinstance(mark, MergeBy):
        facts.merge_by = mark.attributes
    elif isinstance(mark, Known):
        facts.known = mark.words
    elif isinstance(mark, Pattern):
        facts.pattern = mark
    elif isinstance(mark, Cel):
        facts.cel = mark
    elif isinstance(mark, MinItems):
        facts.min_items = mark.count
    elif isinstance(mark, Deprecated):
        facts.deprecated = mark
    elif isinstance(mark, Octal):
        facts.octal = True


def zero(kind: Kind) -> Any:
    """Value of a key that is not given."""
    if kind.optional:
        return None
    match kind.name:
        case "str" | "arg":
            return ""
        case "bool":
            return False
        case "int":
            return 0
        case "duration":
            return Duration(0)
        case "bytes":
            return b""
        case "list":
            return []
        case "map":
            return {}
        case "struct":
            assert kind.cls is not None
            return kind.cls()
        case _:
            return None


def is_zero(kind: Kind, value: Any) -> bool:
    """Whether a value is what the key has when it is not given."""
    if kind.optional:
        return value is None
    if kind.name == "struct":
        return all(is_zero(f.kind, getattr(value, f.attribute)) for f in plan(type(value)).fields)
    return not value and value is not None if kind.name != "any" else value is None
