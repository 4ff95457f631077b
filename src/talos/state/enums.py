"""Enumerations with two faces: a number in protobuf, a text in YAML and on the terminal.

A member is its number (IntEnum), str(member) is its text. A number that this version
does not know is kept, not refused: kernels add address families, routing tables and
link types without asking.
"""

from __future__ import annotations

import enum
from typing import Self


class WireEnum(enum.IntEnum):
    """Members are written `NAME = number, "text"`."""

    text: str

    def __new__(cls, value: int, text: str = "") -> Self:
        member = int.__new__(cls, value)
        member._value_ = value
        member.text = text
        return member

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        if not isinstance(value, int):
            return None
        member = int.__new__(cls, value)
        member._value_ = value
        member._name_ = f"UNKNOWN_{value}"
        member.text = cls._text_of_unknown(value)
        cls._value2member_map_[value] = member
        return member

    @classmethod
    def _text_of_unknown(cls, value: int) -> str:
        return f"{cls.__name__}({value})"

    @classmethod
    def parse(cls, text: str) -> Self:
        """The member of a text. ValueError names the texts there are."""
        for member in cls:
            if member.text == text:
                return member
        raise ValueError(f"{text!r} is not one of {', '.join(m.text for m in cls)}")

    def __str__(self) -> str:
        return self.text

    def __format__(self, spec: str) -> str:
        return format(self.text, spec)


class WireFlag(enum.IntFlag):
    """Members are written `NAME = bit, "text"`; a combination's text is its members' texts joined by commas."""

    _flag_text: str

    def __new__(cls, value: int, text: str = "") -> Self:
        member = int.__new__(cls, value)
        member._value_ = value
        member._flag_text = text
        return member

    @property
    def text(self) -> str:
        """Texts of the set flags, "" for none."""
        return ",".join(member._flag_text for member in type(self) if member & self)

    @classmethod
    def parse(cls, text: str) -> Self:
        """The combination of a text. ValueError."""
        value = cls(0)
        for part in filter(None, text.split(",")):
            for member in cls:
                if member._flag_text == part:
                    value |= member
                    break
            else:
                raise ValueError(f"{part!r} is not one of {', '.join(m._flag_text for m in cls)}")
        return value

    def __str__(self) -> str:
        return self.text
