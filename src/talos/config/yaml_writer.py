"""Plain data to YAML text, laid out as Go's yaml.v3 lays it out (indent 4), byte for byte.

A diff between a configuration that the genuine tool wrote and one that we wrote must show real changes only; PyYAML's
emitter indents sequences and folds long lines differently and cannot be told otherwise. Strings are plain where they
read back as the same string, literal blocks when they have several lines, else quoted.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import Any

from talos.config.yaml_reader import OLD_BOOLS, STR, resolve_text

_BASE_60 = re.compile(r"[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?")
_INDICATORS = frozenset("#,[]{}&*!|>'\"%@`")
_NUMBER = re.compile(r"\d+")


class Sorted(dict[str, Any]):
    """A mapping whose keys are written in natural order: free mappings have no order of their own."""


def dump(value: Any, indent: int = 4) -> str:
    """One document, ending in a newline."""
    out: list[str] = []
    _block(out, value, 0, indent, sequence_indent=indent if indent > 2 else 0)
    text = "".join(out)
    return text if text.endswith("\n") else text + "\n"


def dump_all(values: Iterable[Any]) -> str:
    """Several documents with ``---`` between them."""
    return "---\n".join(dump(v) for v in values)


def _block(out: list[str], value: Any, column: int, step: int, sequence_indent: int) -> None:
    if isinstance(value, dict) and value:
        _mapping(out, value, column, step, sequence_indent, first=True)
    elif isinstance(value, list | tuple) and value:
        _sequence(out, value, column, step, sequence_indent)
    else:
        out.append(_scalar(value, step) + "\n")


def _mapping(
    out: list[str], value: dict[str, Any], column: int, step: int, sequence_indent: int, *, first: bool
) -> None:
    # The caller wrote the indentation of the first key; every value ends its line itself.
    keys = natural_order(value) if isinstance(value, Sorted) else list(value)
    for key in keys:
        if not first:
            out.append(" " * column)
        first = False
        out.append(quote(key, key=True) + ":")
        _value(out, value[key], column, step, sequence_indent)


def _value(out: list[str], item: Any, column: int, step: int, sequence_indent: int) -> None:
    if isinstance(item, dict) and item:
        inner = _deeper(column, step)
        out.append("\n" + " " * inner)
        _mapping(out, item, inner, step, sequence_indent, first=True)
    elif isinstance(item, list | tuple) and item:
        inner = _deeper(column, step) if sequence_indent else column
        out.append("\n" + " " * inner)
        _sequence(out, item, inner, step, sequence_indent)
    else:
        out.append(" " + _scalar(item, _deeper(column, step)) + "\n")


def _sequence(out: list[str], items: list[Any] | tuple[Any, ...], column: int, step: int, sequence_indent: int) -> None:
    for number, item in enumerate(items):
        if number:
            out.append(" " * column)
        out.append("- ")
        if isinstance(item, dict) and item:
            _mapping(out, item, column + 2, step, sequence_indent, first=True)
        elif isinstance(item, list | tuple) and item:
            _sequence(out, item, column + 2, step, sequence_indent)
        else:
            out.append(_scalar(item, column + 2) + "\n")


def _deeper(column: int, step: int) -> int:
    """Next indentation: the next multiple of the step (a mapping after a dash stands between multiples)."""
    return step * ((column + step) // step)


def _scalar(value: Any, margin: int) -> str:
    """``margin`` is the indentation of the lines of a literal block."""
    if value is None:
        return "null"
    if value is True or value is False:
        return "true" if value else "false"
    if isinstance(value, str):
        if "\n" in value and _literal_allowed(value):
            return _literal(value, " " * margin)
        return quote(value)
    if isinstance(value, float):
        return _float(value)
    if isinstance(value, dict):
        return "{}"
    if isinstance(value, list | tuple):
        return "[]"
    return str(value)


def _literal(text: str, margin: str) -> str:
    body = text.rstrip("\n")
    trailing = len(text) - len(body)
    chomping = "-" if trailing == 0 else "" if trailing == 1 else "+"
    lines = [margin + ln if ln else "" for ln in text.split("\n")]
    if trailing:
        lines.pop()
    return f"|{chomping}\n" + "\n".join(lines)


def _literal_allowed(text: str) -> bool:
    # A first line that begins with white space would need an indentation indicator; a space before a line's end would
    # be invisible; special characters need escapes.
    if text[0] in " \n\t" or text[-1] == " " or " \n" in text:
        return False
    return _printable(text.replace("\t", ""))


def _printable(text: str) -> bool:
    """Whether all characters but line feeds can stand in YAML unescaped."""
    return not _CONTROL.search(text) if text.isascii() else all(c == "\n" or c.isprintable() for c in text)


_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f]")


def quote(text: str, *, key: bool = False) -> str:
    """A string on one line: plain, single quoted or double quoted, as yaml.v3 chooses."""
    if text == "":
        return '""'
    if resolve_text(text)[0] != STR or text in OLD_BOOLS or text == "<<" or _BASE_60.fullmatch(text):
        return _double(text)
    if not _printable(text) or "\n" in text:
        return _double(text)
    if _plain_allowed(text):
        return text
    return "'" + text.replace("'", "''") + "'"


def _plain_allowed(text: str) -> bool:
    first = text[0]
    if first in _INDICATORS or first == " " or text[-1] == " " or text.startswith(("---", "...")):
        return False
    if first in "?:-" and (len(text) == 1 or text[1] == " "):
        return False
    return ": " not in text and " #" not in text and text[-1] != ":"


_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r", "\0": "\\0", "\x07": "\\a", "\x08": "\\b",
            "\x0b": "\\v", "\x0c": "\\f", "\x1b": "\\e", "\x85": "\\N", "\xa0": "\\_"}  # fmt: skip


def _double(text: str) -> str:
    return '"' + "".join(_ESCAPES.get(c) or (c if c.isprintable() else _escape(c)) for c in text) + '"'


def _escape(c: str) -> str:
    number = ord(c)
    return f"\\x{number:02X}" if number < 256 else f"\\u{number:04X}" if number < 65536 else f"\\U{number:08X}"


def _float(value: float) -> str:
    if math.isnan(value):
        return ".nan"
    if math.isinf(value):
        return ".inf" if value > 0 else "-.inf"
    text = repr(value)
    if "e" in text:
        mantissa, _, exponent = text.partition("e")
        sign = "-" if exponent[0] == "-" else "+"
        return f"{mantissa.removesuffix('.0')}e{sign}{exponent.lstrip('+-').zfill(2)}"
    return text.removesuffix(".0")


def natural_order(mapping: dict[str, Any]) -> list[str]:
    """Keys as yaml.v3 sorts them: runs of digits by value, letters after everything else."""

    def sort_key(key: str) -> list[tuple[int, int, str]]:
        parts: list[tuple[int, int, str]] = []
        position = 0
        for run in _NUMBER.finditer(key):
            parts += [(2 if c.isalpha() else 0, 0, c) for c in key[position : run.start()]]
            parts.append((1, int(run[0]), run[0]))
            position = run.end()
        return parts + [(2 if c.isalpha() else 0, 0, c) for c in key[position:]]

    return sorted(mapping, key=sort_key)
