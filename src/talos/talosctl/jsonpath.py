"""What columns and `get -o jsonpath=` use of Kubernetes' JSONPath: {.a.b}, [0], [-1], [1:3], [*], [?(@.x=="y")].

Text around braces is kept. A value is printed bare if it is text, as Go would print it otherwise.
"""

from __future__ import annotations

import json
import operator
import re
from typing import Any

_STEP = re.compile(r"\.\.?\*|\.[A-Za-z0-9_\-/]+|\[[^\]]*\]|\['[^']*'\]|@|\$")
_FILTER = re.compile(r"""\?\(@((?:\.[\w\-/]+)*)\s*(==|!=|>=|<=|>|<)?\s*("[^"]*"|'[^']*'|[\w.\-]+)?\)""")


class JSONPathError(ValueError):
    """The expression is not one."""


def evaluate(template: str, value: Any) -> str:
    """Fill a template such as `{.spec.hostname}` from plain data."""
    out, at = [], 0
    for match in re.finditer(r"\{([^{}]*)\}", template):
        out.append(template[at : match.start()])
        body = match[1].strip()
        out.append(
            body[1:-1].encode().decode("unicode_escape")
            if body[:1] == '"' == body[-1:]
            else " ".join(show(found) for found in find(body, value))
        )
        at = match.end()
    rest = template[at:]
    if "{" in rest:
        raise JSONPathError(f"unclosed brace in {template!r}")
    return "".join(out) + rest


def show(value: Any) -> str:
    """Text of one value."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, default=str)


def find(path: str, value: Any) -> list[Any]:
    """Values at a path; none if something on the way is missing. JSONPathError."""
    steps, at = [], 0
    text = path if path.startswith((".", "[", "@", "$")) else f".{path}"
    while at < len(text):
        match = _STEP.match(text, at)
        if match is None:
            raise JSONPathError(f"cannot read {path!r} from {text[at:]!r} on")
        steps.append(match[0])
        at = match.end()
    found = [value]
    for step in steps:
        found = [result for item in found for result in _step(step, item)]
    return found


def _step(step: str, item: Any) -> list[Any]:
    if step in ("@", "$"):
        return [item]
    if step in (".*", "[*]"):
        return list(item.values()) if isinstance(item, dict) else list(item) if isinstance(item, list) else []
    if step.startswith("."):
        return [item[step[1:]]] if isinstance(item, dict) and step[1:] in item else []
    inner = step[1:-1].strip()
    if inner[:1] in "'\"" and inner:
        return [item[inner[1:-1]]] if isinstance(item, dict) and inner[1:-1] in item else []
    if inner.startswith("?"):
        return [entry for entry in item if _passes(inner, entry)] if isinstance(item, list) else []
    if not isinstance(item, list):
        return []
    try:
        if ":" in inner:
            begin, end = (int(part) if part else None for part in inner.split(":")[:2])
            return item[begin:end]
        index = int(inner)
    except ValueError:
        raise JSONPathError(f"cannot read the index {step!r}") from None
    return [item[index]] if -len(item) <= index < len(item) else []


def _passes(expression: str, entry: Any) -> bool:
    match = _FILTER.fullmatch(expression)
    if match is None:
        raise JSONPathError(f"cannot read the filter {expression!r}")
    left = find(match[1] or "@", entry)
    if not match[2]:
        return bool(left)
    text = match[3] or ""
    right: Any = text[1:-1] if text[:1] in "\"'" else json.loads(text) if text else None
    if not left:
        return False
    compare = {
        "==": operator.eq,
        "!=": operator.ne,
        ">": operator.gt,
        "<": operator.lt,
        ">=": operator.ge,
        "<=": operator.le,
    }[match[2]]
    try:
        return bool(compare(left[0], right))
    except TypeError:
        return False
