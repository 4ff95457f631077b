"""The kernel's command line as words with values (Documentation/admin-guide/kernel-parameters.rst).

A value may stand in double quotes, which may hold spaces. Parameters may be given more than once; which of them counts
is for whoever reads them. Dashes and underscores in names are the same to the kernel, and here.
"""

from __future__ import annotations

import re
from functools import cached_property

from msgspec import Struct

_WORD = re.compile(r'(?:[^\s"]|"[^"]*"?)+')


def _name(text: str) -> str:
    return text.replace("-", "_")


class KernelArguments(Struct, frozen=True, dict=True):
    """Arguments in the order given."""

    text: str = ""

    @cached_property
    def words(self) -> tuple[tuple[str, str], ...]:
        """(name, value); a word without "=" has an empty value. What follows "--" is for init."""
        found = []
        for match in _WORD.finditer(self.text):
            word = match.group().replace('"', "")
            if word == "--":
                break
            name, _, value = word.partition("=")
            found.append((_name(name), value))
        return tuple(found)

    def values(self, name: str) -> list[str]:
        """Every value of a parameter."""
        return [value for found, value in self.words if found == _name(name)]

    def last(self, name: str) -> str:
        """The value given last, "" for none: what the kernel itself does."""
        return (self.values(name) or [""])[-1]

    def has(self, name: str) -> bool:
        """Whether it is there, with or without a value."""
        return bool(self.values(name))
