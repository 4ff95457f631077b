"""LVM2's metadata of a volume group as text: sections, values, and one section taken out of it.

The grammar is that of lvm.conf(5): `name = value`, `name { … }`, lists in brackets, comments after #. A change cuts and
replaces in the text instead of writing all of it anew, so that whatever a newer LVM notes there stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from msgspec import Struct, field

_TOKEN = re.compile(r'\s+|#[^\n]*|(?P<string>"(?:\\.|[^"\\])*")|(?P<word>[\w.+-]+)|(?P<sign>[{}\[\],=])')
_DEEPEST = 16
Value = str | list[str]


class MetadataError(ValueError):
    """It is no metadata of a volume group, or one that is not understood."""


class Section(Struct):
    """Values and sections by name; where it stands in the text, its name included."""

    values: dict[str, Value] = field(default_factory=dict)
    sections: dict[str, Section] = field(default_factory=dict)
    spans: dict[str, tuple[int, int]] = field(default_factory=dict)
    """of each value's text, behind the equals sign"""
    begin: int = 0
    end: int = 0

    def section(self, name: str) -> Section:
        """That section, an empty one if it is not there."""
        return self.sections.get(name) or Section()

    def text(self, name: str) -> str:
        """A value that is one word, "" if it is not there."""
        value = self.values.get(name, "")
        return value if isinstance(value, str) else ""

    def words(self, name: str) -> list[str]:
        """A value that is a list, empty if it is not there."""
        value = self.values.get(name, [])
        return value if isinstance(value, list) else [value]


def parse(text: str) -> Section:
    """The whole text. MetadataError."""
    parser = _Parser(text)
    found = parser.section(0)
    if not parser.done:
        raise MetadataError(f"a closing brace too many at {parser.at}")
    return found


class _Parser:
    def __init__(self, text: str) -> None:
        self._tokens = list(self._scan(text))
        self._next = 0

    @staticmethod
    def _scan(text: str) -> Iterator[tuple[str, str, int, int]]:
        at = 0
        while at < len(text):
            match = _TOKEN.match(text, at)
            if match is None:
                raise MetadataError(f"unexpected {text[at : at + 10]!r} at {at}")
            if match.lastgroup:
                yield match.lastgroup, match[0], match.start(), match.end()
            at = match.end()

    @property
    def done(self) -> bool:
        return self._next == len(self._tokens)

    @property
    def at(self) -> int:
        return self._tokens[self._next][2] if not self.done else -1

    def _take(self, *kinds: str) -> tuple[str, str, int, int]:
        if self.done:
            raise MetadataError("the text ends in the middle")
        token = self._tokens[self._next]
        if token[0] not in kinds and token[1] not in kinds:
            raise MetadataError(f"unexpected {token[1][:20]!r} at {token[2]}")
        self._next += 1
        return token

    def _at(self, sign: str) -> bool:
        return not self.done and self._tokens[self._next][1] == sign

    def section(self, depth: int) -> Section:
        if depth > _DEEPEST:
            raise MetadataError("sections lie too deep")
        found = Section()
        while not self.done and not self._at("}"):
            _, name, begin, _ = self._take("word", "string")
            if self._take("=", "{")[1] == "=":
                start = self._tokens[self._next][2] if not self.done else 0
                found.values[name] = self._value()
                found.spans[name] = (start, self._tokens[self._next - 1][3])
                continue
            inner = self.section(depth + 1)
            inner.begin, inner.end = begin, self._take("}")[3]
            found.sections[name] = inner
        return found

    def _value(self) -> Value:
        if not self._at("["):
            return _word(self._take("word", "string"))
        self._take("[")
        found: list[str] = []
        while not self._at("]"):
            found.append(_word(self._take("word", "string")))
            if not self._at("]"):
                self._take(",")
        self._take("]")
        return found


def _word(token: tuple[str, str, int, int]) -> str:
    return re.sub(r"\\(.)", r"\1", token[1][1:-1]) if token[0] == "string" else token[1]


def without(text: str, cut: list[Section], replaced: dict[tuple[int, int], str]) -> str:
    """The text without some sections, and with other text in some places."""
    changes = [((section.begin, section.end), "") for section in cut] + list(replaced.items())
    for (begin, end), new in sorted(changes, reverse=True):
        text = text[:begin] + new + text[end:]
    return text
