"""YAML text to nodes with line numbers, and scalars by the rules of Go's yaml.v3.

PyYAML composes the nodes (libyaml, C), but speaks YAML 1.1: its constructors would make ``on`` a boolean and ``1:30`` a
number, and would drop line numbers. So no constructor of PyYAML runs; plain scalars are resolved here, and only where
no type is known (free mappings). Where a type is known the text itself is read by the type's codec: a version ``1.10``
in a string key stays ``1.10``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from datetime import date
from typing import Any

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from yaml.resolver import BaseResolver

from talos.config.errors import ConfigError

try:  # libyaml is part of the image; the pure parser is seven times slower but the same language
    from yaml.cyaml import CParser as _Parser  # type: ignore[attr-defined]

    class _Composer(_Parser, BaseResolver):
        def __init__(self, text: str) -> None:
            _Parser.__init__(self, text)
            BaseResolver.__init__(self)

except ImportError:  # pragma: no cover
    from yaml.composer import Composer
    from yaml.parser import Parser
    from yaml.reader import Reader
    from yaml.scanner import Scanner

    class _Composer(Reader, Scanner, Parser, Composer, BaseResolver):  # type: ignore[no-redef]
        def __init__(self, text: str) -> None:
            Reader.__init__(self, text)
            Scanner.__init__(self)
            Parser.__init__(self)
            Composer.__init__(self)
            BaseResolver.__init__(self)


# A document nests a few levels; a bomb of brackets or aliases nests or repeats without end.
MAX_DEPTH = 64
MAX_NODES = 250_000

NULL, BOOL, INT, FLOAT, STR, TIME = "null", "boolean", "integer", "number", "string", "timestamp"
_NULLS = frozenset(("", "~", "null", "Null", "NULL"))
_BOOLS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
# YAML 1.1 booleans: strings to us unless the key is of boolean type.
OLD_BOOLS: dict[str, bool] = {
    **dict.fromkeys(("y", "Y", "yes", "Yes", "YES", "on", "On", "ON"), True),
    **dict.fromkeys(("n", "N", "no", "No", "NO", "off", "Off", "OFF"), False),
}
_SPECIAL_FLOATS = {
    **dict.fromkeys((".nan", ".NaN", ".NAN"), math.nan),
    **{s + w: math.inf for w in (".inf", ".Inf", ".INF") for s in ("", "+")},
    **{"-" + w: -math.inf for w in (".inf", ".Inf", ".INF")},
}
_INT = re.compile(r"[-+]?(0b[01]+|0o?[0-7]+|0x[0-9a-fA-F]+|0|[1-9][0-9]*)")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_TIME = re.compile(r"\d{4}-\d\d?-\d\d?([Tt ]+\d\d?:\d\d?:\d\d?(\.\d+)?([ ]*(Z|[-+]\d\d?(:?\d\d)?))?)?")


def documents(source: str | bytes) -> Iterator[Node]:
    """Root nodes of the documents in the text; empty documents are left out. Raises ConfigError with the line."""
    if isinstance(source, bytes):
        try:
            text = source.decode()
        except UnicodeDecodeError as e:
            row = source[: e.start].count(b"\n") + 1
            column = e.start - (source.rfind(b"\n", 0, e.start) + 1) + 1
            raise ConfigError(f"line {row}, column {column}: the text is not UTF-8; save the file as UTF-8") from None
    else:
        text = source
    _guard(text)
    try:
        composer = _Composer(text)
        while composer.check_node():
            node = composer.get_node()
            if node is not None and not (isinstance(node, ScalarNode) and resolve(node)[0] == NULL):
                yield node
    except yaml.YAMLError as e:
        mark = getattr(e, "problem_mark", None) or getattr(e, "context_mark", None)
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        what = getattr(e, "problem", None) or getattr(e, "reason", None) or str(e)
        raise ConfigError(f"{where}not valid YAML: {what}") from None
    except RecursionError:
        raise ConfigError(f"nested more than {MAX_DEPTH} levels deep") from None


def _guard(text: str) -> None:
    """Refuse brackets nested beyond sense before the parser recurses into them in C."""
    depth = deepest = 0
    for c in text:
        if c in "[{":
            depth += 1
            if depth > deepest:
                deepest = depth
        elif c in "]}":
            depth = max(0, depth - 1)
    if deepest > 10 * MAX_DEPTH:
        raise ConfigError(f"nested more than {10 * MAX_DEPTH} levels deep")


def at(node: Node) -> str:
    """Where a node begins, as messages say it: line and column, both counted from 1."""
    return f"line {node.start_mark.line + 1}, column {node.start_mark.column + 1}"


def is_plain(node: ScalarNode) -> bool:
    """Whether a scalar stands without quotes and without an explicit tag."""
    return not node.style and node.tag == "tag:yaml.org,2002:str"


def resolve_text(text: str) -> tuple[str, Any]:
    """Kind and value of a plain scalar."""
    if text in _NULLS:
        return NULL, None
    first = text[0]
    if first in "tTfF" and text in _BOOLS:
        return BOOL, _BOOLS[text]
    if first in "0123456789+-.":
        if text in _SPECIAL_FLOATS:
            return FLOAT, _SPECIAL_FLOATS[text]
        digits = text.replace("_", "")
        if _INT.fullmatch(digits):
            number = _integer(digits)
            # Go falls back to a float for what 64 bits cannot hold.
            return (INT, number) if -(1 << 63) <= number < 1 << 64 else (FLOAT, float(number))
        if _FLOAT.fullmatch(digits):
            return FLOAT, float(digits)
        if "-" in text[1:] and _TIME.fullmatch(text) and _is_date(text):
            return TIME, text
    return STR, text


def _integer(digits: str) -> int:
    sign = -1 if digits[0] == "-" else 1
    body = digits.lstrip("+-")
    if body[:2] in ("0b", "0o", "0x"):
        return sign * int(body, 0)
    return sign * int(body, 8 if len(body) > 1 and body[0] == "0" else 10)


def _is_date(text: str) -> bool:
    year, month, day = (int(p) for p in re.split("[Tt ]", text, maxsplit=1)[0].split("-"))
    try:
        date(year, month, day)
    except ValueError:
        return False
    return True


def resolve(node: ScalarNode) -> tuple[str, Any]:
    """Kind and value of any scalar node. Timestamps stay text: nothing in a configuration is a point in time."""
    if is_plain(node):
        return resolve_text(node.value)
    match node.tag.removeprefix("tag:yaml.org,2002:"):
        case "int" | "float" | "bool" | "null":
            return resolve_text(node.value)
    return STR, node.value


class Budget:
    """Counts visited nodes, so that aliases of aliases end in an error instead of in memory."""

    def __init__(self) -> None:
        self._left = MAX_NODES

    def spend(self, node: Node, depth: int) -> None:
        """Count one node. Raises ConfigError."""
        self._left -= 1
        if self._left < 0:
            raise ConfigError(f"{at(node)}: more than {MAX_NODES} values, counting repeated aliases")
        if depth > MAX_DEPTH:
            raise ConfigError(f"{at(node)}: nested more than {MAX_DEPTH} levels deep")


def plain(node: Node, budget: Budget | None = None, depth: int = 0, problems: list[str] | None = None) -> Any:
    """A node as plain Python data. Keys are strings; duplicate keys go to ``problems`` or raise ConfigError."""
    budget = budget or Budget()
    budget.spend(node, depth)
    if isinstance(node, ScalarNode):
        return resolve(node)[1]
    if isinstance(node, SequenceNode):
        return [plain(n, budget, depth + 1, problems) for n in node.value]
    found: dict[str, Any] = {}
    merged: dict[str, Any] = {}
    for key_node, value in node.value:
        if is_merge(key_node):
            for source in value.value if isinstance(value, SequenceNode) else [value]:
                part = plain(source, budget, depth + 1, problems)
                if isinstance(part, dict):
                    merged = {**part, **merged}
            continue
        key = key_text(key_node)
        if key in found:
            problem = f"{at(key_node)}: key {key!r} stands twice in the same mapping"
            if problems is None:
                raise ConfigError(problem)
            problems.append(problem)
        found[key] = plain(value, budget, depth + 1, problems)
    return {**merged, **found} if merged else found


def is_merge(key: Node) -> bool:
    """Whether a key is YAML's merge key ``<<``."""
    return isinstance(key, ScalarNode) and key.value == "<<" and is_plain(key)


def key_text(key: Node) -> str:
    """Text of a mapping key. Raises ConfigError for keys that are no scalars."""
    if not isinstance(key, ScalarNode):
        raise ConfigError(f"{at(key)}: a key must be plain text, not a list or a mapping")
    return str(key.value)


def load(text: str | bytes) -> list[Any]:
    """Every document as plain data."""
    return [plain(node) for node in documents(text)]


__all__ = [
    "BOOL", "FLOAT", "INT", "NULL", "OLD_BOOLS", "STR", "TIME", "Budget", "MappingNode", "Node", "ScalarNode",
    "SequenceNode", "at", "documents", "is_merge", "is_plain", "key_text", "load", "plain", "resolve", "resolve_text",
]  # fmt: skip
