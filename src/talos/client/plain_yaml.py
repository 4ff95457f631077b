"""YAML as talosctl writes it: maps, lists of words, words. Anything else is left to a YAML library.

Importing one takes four times as long as all the rest of reading a talosconfig, on each of a script's hundred commands.
What is accepted here means the same there (a property test compares the two); whatever might mean something else to it
(quotes, comments, numbers, anchors, a word such as `yes`) gives None.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
_WORD = {ord(letter): None for letter in _LETTERS + "0123456789._:/+=@-"}
_RESERVED = frozenset({"y", "n", "yes", "no", "true", "false", "on", "off", "null"})
"""a boolean or nothing in YAML 1.1"""
_EMPTY: dict[str, Any] = {'""': "", "[]": []}


class _Other(Exception):
    """Not written as talosctl writes."""


def read(text: str) -> dict[str, Any] | None:
    """The map that the text is, None where a YAML library has to say."""
    lines = []
    for line in text.split("\n"):
        words = line.lstrip(" ")
        if words:
            lines.append((len(line) - len(words), words))
    lines.append((-1, ""))
    try:
        found, end = _block(lines, 0, lines[0][0])
    except _Other:
        return None
    return found if isinstance(found, dict) and end == len(lines) - 1 and lines[0][0] == 0 else None


def _block(lines: list[tuple[int, str]], at: int, indent: int) -> tuple[Any, int]:
    """A map or a list that begins at this line, and the first line behind it."""
    if lines[at][1].startswith("- "):
        items = []
        while lines[at][0] == indent and lines[at][1].startswith("- "):
            items.append(_scalar(lines[at][1][2:]))
            at += 1
        return items, at
    found: dict[str, Any] = {}
    while lines[at][0] == indent and not lines[at][1].startswith("-"):
        key, colon, value = lines[at][1].partition(":")
        if not colon or key in found or ":" in key or _word(key) is None:
            raise _Other
        at += 1
        if value:
            if value[0] != " ":
                raise _Other
            found[key] = _EMPTY[value[1:]] if value[1:] in _EMPTY else _scalar(value[1:])
            if isinstance(found[key], list):
                found[key] = []
        elif lines[at][0] > indent or (lines[at][0] == indent and lines[at][1].startswith("- ")):
            found[key], at = _block(lines, at, lines[at][0])
        else:
            raise _Other
    if lines[at][0] > indent or not found:
        raise _Other
    return found, at


def _scalar(text: str) -> str:
    found = _word(text)
    if found is None:
        raise _Other
    return found


def _word(text: str) -> str | None:
    """Text that cannot be anything but text: it begins with a letter, or is an IPv4 address with or without port."""
    if text.translate(_WORD) or text.endswith(":") or not text:
        return None
    if text[0] in _LETTERS:
        return None if text.lower() in _RESERVED else text
    address, colon, port = text.partition(":")
    parts = address.split(".")
    if len(parts) != 4 or (colon and not port.isdigit()):
        return None
    return text if all(part.isdigit() for part in parts) else None
