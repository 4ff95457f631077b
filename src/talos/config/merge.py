"""Strategic merge of one structure into another.

What the patch says wins; what it does not say stays. Lists are appended unless the key is marked ``Replaced`` or its
elements have an identity (``MergeBy``); mappings are merged key by key. A value that cannot be told from an absent one
(an empty text, 0) changes nothing: that is the rule of the format, and ``$patch: delete`` exists for it.

Inputs are not modified and the result shares no mutable part with them.
"""

from __future__ import annotations

import copy
from typing import Any, TypeVar

import msgspec

from talos.config.schema import Kind, is_zero, plan, zero

S = TypeVar("S", bound=msgspec.Struct)


def merge(left: S, right: S) -> S:
    """``left`` with everything that ``right`` says."""
    values = {}
    for field in plan(type(left)).fields:
        ours, theirs = getattr(left, field.attribute), getattr(right, field.attribute)
        values[field.attribute] = _value(ours, theirs, field.kind)
    return type(left)(**values)


def _value(ours: Any, theirs: Any, kind: Kind) -> Any:
    if is_zero(kind, theirs):
        return copy.deepcopy(ours)
    # An empty list or mapping says nothing either, unless it replaces or its absence means something else.
    if is_zero(kind, ours) or (kind.facts.replace and kind.name in ("list", "map", "struct")):
        return copy.deepcopy(theirs)
    match kind.name:
        case "struct":
            return merge(ours, theirs)
        case "list":
            assert kind.item is not None
            if kind.facts.merge_by:
                return _identified(ours, theirs, kind.facts.merge_by)
            return copy.deepcopy(ours) + copy.deepcopy(theirs)
        case "map":
            assert kind.item is not None
            merged = copy.deepcopy(ours)
            for key, value in theirs.items():
                merged[key] = _map_value(merged[key], value, kind.item) if key in merged else copy.deepcopy(value)
            return merged
        case "any":
            return merge_free(ours, theirs)
        case _:
            return copy.deepcopy(theirs)


def _map_value(ours: Any, theirs: Any, kind: Kind) -> Any:
    if kind.name == "struct":
        return _value(ours, theirs, kind)
    # Under a key that is named, even an empty text is meant.
    return merge_free(ours, theirs) if kind.name == "any" else copy.deepcopy(theirs)


def _identified(ours: list[Any], theirs: list[Any], attributes: tuple[str, ...]) -> list[Any]:
    merged = copy.deepcopy(ours)
    for item in theirs:
        identity = [getattr(item, a) for a in attributes]
        for number, candidate in enumerate(merged):
            if [getattr(candidate, a) for a in attributes] == identity:
                merged[number] = merge(candidate, item)
                break
        else:
            merged.append(copy.deepcopy(item))
    return merged


def merge_free(ours: Any, theirs: Any) -> Any:
    """Merge of free values: mappings by key, lists appended, anything else replaced."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        merged = copy.deepcopy(ours)
        for key, value in theirs.items():
            merged[key] = merge_free(merged[key], value) if key in merged else copy.deepcopy(value)
        return merged
    if isinstance(ours, list) and isinstance(theirs, list):
        return copy.deepcopy(ours) + copy.deepcopy(theirs)
    return copy.deepcopy(theirs)


def delete(value: Any, kind: Kind, path: list[str | tuple[str, Any]]) -> Any:
    """``value`` without what the path leads to: keys by name, list elements by a (key, value) that they must have.

    A path that leads nowhere deletes nothing. Returns the zero value when the path is empty.
    """
    if not path:
        return zero(kind)
    step, rest = path[0], path[1:]
    if kind.name == "struct" and value is not None and isinstance(step, str):
        field = plan(type(value)).by_key.get(step)
        if field is None:
            return value
        changed = copy.copy(value)
        setattr(changed, field.attribute, delete(getattr(value, field.attribute), field.kind, rest))
        return changed
    if kind.name == "list" and value and isinstance(step, tuple):
        assert kind.item is not None
        item = kind.item
        kept = []
        for element in value:
            if not _selected(element, item, step):
                kept.append(element)
            elif rest:
                kept.append(delete(element, item, rest))
        return kept
    if kind.name == "map" and value and isinstance(step, str) and step in value:
        assert kind.item is not None
        if not rest:
            return {k: v for k, v in value.items() if k != step}
        return {k: delete(v, kind.item, rest) if k == step else v for k, v in value.items()}
    if kind.name == "any":
        return _delete_free(value, path)
    return value


def _selected(element: Any, kind: Kind, selector: tuple[str, Any]) -> bool:
    key, wanted = selector
    if kind.name == "struct":
        field = plan(type(element)).by_key.get(key)
        return field is not None and str(getattr(element, field.attribute)) == str(wanted)
    return isinstance(element, dict) and key in element and str(element[key]) == str(wanted)


def _delete_free(value: Any, path: list[str | tuple[str, Any]]) -> Any:
    step, rest = path[0], path[1:]
    if isinstance(value, dict) and isinstance(step, str) and step in value:
        if not rest:
            return {k: v for k, v in value.items() if k != step}
        return {k: _delete_free(v, rest) if k == step else v for k, v in value.items()}
    if isinstance(value, list) and isinstance(step, tuple):
        kept = []
        for element in value:
            if not (isinstance(element, dict) and str(element.get(step[0])) == str(step[1])):
                kept.append(element)
            elif rest:
                kept.append(_delete_free(element, rest))
        return kept
    return value
