"""Names of slot files: what they say, and in which order systemd-boot takes them.

The order (systemd's boot_entry_compare, for unified kernel images of one system): entries without boots left last, then
the newer version first, then the greater name. There is no other knob that a confirmed entry could be preferred by:
`default` in loader.conf and the variable LoaderEntryDefault also choose an entry that has no boots left.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cmp_to_key

from msgspec import Struct
from msgspec.structs import replace

SLOTS = ("A", "B")
_NAME = re.compile(r"talos-(?P<slot>[AB])-(?P<version>[A-Za-z0-9._~^-]+?)(?:\+(?P<left>\d+)(?:-(?P<done>\d+))?)?\.efi")
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._~^-]{0,63}")


class Entry(Struct, frozen=True):
    """One slot's file. left None: not counted, always good."""

    slot: str
    version: str
    left: int | None = None
    done: int = 0

    @property
    def name(self) -> str:
        """File name."""
        counted = "" if self.left is None else f"+{self.left}" + (f"-{self.done}" if self.done else "")
        return f"talos-{self.slot}-{self.version}{counted}.efi"

    @property
    def id(self) -> str:
        """What the loader calls it: the name without its counter."""
        return f"talos-{self.slot}-{self.version}.efi"

    @property
    def bad(self) -> bool:
        """No boots are left: it is taken only when everything else is bad as well."""
        return self.left == 0

    def counted(self) -> Entry:
        """After one more boot."""
        return replace(self, left=self.left - 1, done=self.done + 1) if self.left else self


def parse(name: str) -> Entry | None:
    """The entry that a file name describes, None for any other file."""
    match = _NAME.fullmatch(name)
    if match is None:
        return None
    left = match["left"]
    return Entry(match["slot"], match["version"], None if left is None else int(left), int(match["done"] or 0))


def check_version(version: str) -> str:
    """The version, if it can stand in a file name. ValueError."""
    if not _VERSION.fullmatch(version):
        raise ValueError(f"{version!r} cannot be the version of an image: letters, digits, dots and hyphens")
    return version


def other(slot: str) -> str:
    """The slot that is not this one."""
    return SLOTS[1 - SLOTS.index(slot)]


def in_order(entries: Iterable[Entry]) -> list[Entry]:
    """As the loader lists them: the first one boots."""
    return sorted(entries, key=cmp_to_key(_compare_entries))


def stands_before(one: Entry, two: Entry) -> bool:
    """Whether the loader takes `one` when both have boots left."""
    return _compare_entries(replace(one, left=None), replace(two, left=None)) < 0


def _compare_entries(one: Entry, two: Entry) -> int:
    if one.bad != two.bad:
        return 1 if one.bad else -1
    return -(compare_versions(one.version, two.version) or compare_versions(one.id, two.id))


def compare_versions(one: str, two: str) -> int:
    """Negative, zero or positive: UAPI.10 version format specification, as systemd-boot compares."""
    a, b = one, two
    while True:
        a, b = a.lstrip(_SKIPPED), b.lstrip(_SKIPPED)
        if a.startswith("~") or b.startswith("~"):
            if not (a.startswith("~") and b.startswith("~")):
                return -1 if a.startswith("~") else 1
            a, b = a[1:], b[1:]
            continue
        if not a or not b:
            return (bool(a)) - (bool(b))
        for mark in "-^.":
            if a[0] == mark or b[0] == mark:
                if not (a[0] == mark and b[0] == mark):
                    return -1 if a[0] == mark else 1
                a, b = a[1:], b[1:]
                break
        else:
            digits = a[0].isdigit() or b[0].isdigit()
            head_a, a = _split(a, digits)
            head_b, b = _split(b, digits)
            if digits:
                head_a, head_b = head_a.lstrip("0"), head_b.lstrip("0")
                if len(head_a) != len(head_b):
                    return 1 if len(head_a) > len(head_b) else -1
            if head_a != head_b:
                return 1 if head_a > head_b else -1


_SKIPPED = "".join(chr(code) for code in range(1, 127) if not chr(code).isalnum() and chr(code) not in "~-^.")


def _split(text: str, digits: bool) -> tuple[str, str]:
    end = 0
    while end < len(text) and text[end].isascii() and (text[end].isdigit() if digits else text[end].isalpha()):
        end += 1
    return text[:end], text[end:]
