"""JSON Patch (RFC 6902) with JSON Pointers (RFC 6901) on plain data."""

from __future__ import annotations

import copy
import re
from typing import Any

from talos.config.errors import ConfigError

_INDEX = re.compile(r"0|[1-9][0-9]*")
_OPERATIONS = ("add", "remove", "replace", "move", "copy", "test")


def apply(document: Any, operations: Any) -> Any:
    """The document after all operations. Raises ConfigError that names the operation; the input is not modified."""
    if not isinstance(operations, list):
        raise ConfigError("a JSON patch must be a list of operations")
    document = copy.deepcopy(document)
    for number, operation in enumerate(operations, 1):
        try:
            document = _one(document, operation)
        except ConfigError as e:
            raise ConfigError(f"JSON patch, operation {number}: {e}") from None
    return document


def _one(document: Any, operation: Any) -> Any:
    if not isinstance(operation, dict):
        raise ConfigError("an operation must be a mapping with op and path")
    op = operation.get("op")
    if op not in _OPERATIONS:
        raise ConfigError(f"unknown op {op!r}; use one of {', '.join(_OPERATIONS)}")
    path = _pointer(operation, "path")
    if op in ("add", "replace", "test") and "value" not in operation:
        raise ConfigError(f"{op} {operation['path']!r} has no value")
    match op:
        case "add":
            return _add(document, path, copy.deepcopy(operation["value"]))
        case "remove":
            return _remove(document, path)[0]
        case "replace":
            _get(document, path)
            return (
                _add(_remove(document, path)[0], path, copy.deepcopy(operation["value"]))
                if path
                else copy.deepcopy(operation["value"])
            )
        case "move":
            source = _pointer(operation, "from")
            if path[: len(source)] == source and len(path) > len(source):
                raise ConfigError(f"{operation['from']!r} cannot move into itself")
            rest, value = _remove(document, source)
            return _add(rest, path, value)
        case "copy":
            return _add(document, path, copy.deepcopy(_get(document, _pointer(operation, "from"))))
        case _:
            found = _get(document, path)
            if not _equal(found, operation["value"]):
                raise ConfigError(f"test of {operation['path']!r} failed: the value is {found!r}")
            return document


def _pointer(operation: dict[str, Any], key: str) -> list[str]:
    text = operation.get(key)
    if not isinstance(text, str) or (text and not text.startswith("/")):
        raise ConfigError(f"{key} must be a JSON pointer such as /machine/type, not {text!r}")
    return [p.replace("~1", "/").replace("~0", "~") for p in text.split("/")[1:]]


def _at(path: list[str]) -> str:
    return "/" + "/".join(p.replace("~", "~0").replace("/", "~1") for p in path)


def _index(container: list[Any], step: str, path: list[str], *, end: bool) -> int:
    if end and step == "-":
        return len(container)
    if not _INDEX.fullmatch(step) or len(step) > 9 or int(step) > len(container) - (not end):
        raise ConfigError(f"{_at(path)}: no element {step!r} in a list of {len(container)}")
    return int(step)


def _get(document: Any, path: list[str]) -> Any:
    for depth, step in enumerate(path, 1):
        if isinstance(document, dict) and step in document:
            document = document[step]
        elif isinstance(document, list):
            document = document[_index(document, step, path[:depth], end=False)]
        else:
            raise ConfigError(f"path {_at(path[:depth])} does not exist")
    return document


def _add(document: Any, path: list[str], value: Any) -> Any:
    if not path:
        return value
    parent = _get(document, path[:-1])
    if isinstance(parent, list):
        parent.insert(_index(parent, path[-1], path, end=True), value)
    elif isinstance(parent, dict):
        parent[path[-1]] = value
    else:
        raise ConfigError(f"{_at(path[:-1])} is neither a mapping nor a list")
    return document


def _remove(document: Any, path: list[str]) -> tuple[Any, Any]:
    if not path:
        raise ConfigError("the whole document cannot be removed")
    _get(document, path)
    parent = _get(document, path[:-1])
    if isinstance(parent, list):
        return document, parent.pop(_index(parent, path[-1], path, end=False))
    return document, parent.pop(path[-1])


def _equal(a: Any, b: Any) -> bool:
    if isinstance(a, bool) or isinstance(b, bool):
        return a is b
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(_equal(v, b[k]) for k, v in a.items())
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(_equal, a, b))
    return bool(a == b)
