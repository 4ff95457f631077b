"""Label queries: terms are and-ed within a query, queries are or-ed.

Operators and their meaning on a missing label follow cosi.resource.LabelTerm:
a missing label satisfies only NOT_EXISTS and inverted terms.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct

_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12, "ki": 2**10, "mi": 2**20, "gi": 2**30, "ti": 2**40}


class Op(enum.Enum):
    """How a label is compared with a term's value."""

    EXISTS = enum.auto()
    EQUAL = enum.auto()
    IN = enum.auto()
    LESS = enum.auto()
    LESS_EQUAL = enum.auto()
    LESS_NUMERIC = enum.auto()
    LESS_EQUAL_NUMERIC = enum.auto()


class Term(Struct, frozen=True):
    """One condition on one label."""

    key: str
    op: Op = Op.EXISTS
    values: tuple[str, ...] = ()
    invert: bool = False

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether the labels satisfy the term."""
        have = labels.get(self.key)
        return (have is not None and self._compare(have)) != self.invert

    def _compare(self, have: str) -> bool:
        match self.op:
            case Op.EXISTS:
                return True
            case Op.EQUAL:
                return have == self.values[0]
            case Op.IN:
                return have in self.values
            case Op.LESS:
                return have < self.values[0]
            case Op.LESS_EQUAL:
                return have <= self.values[0]
        left, right = _number(have), _number(self.values[0])
        if left is None or right is None:
            return False
        return left < right if self.op is Op.LESS_NUMERIC else left <= right


Query = tuple[Term, ...]
LabelQuery = Sequence[Query]


def equal(labels: Mapping[str, str]) -> LabelQuery:
    """The query "all these labels with these values"."""
    return (tuple(Term(key, Op.EQUAL, (value,)) for key, value in labels.items()),)


def as_query(labels: Mapping[str, str] | Iterable[Query] | None) -> LabelQuery:
    """What callers may write for `labels=`: nothing, a mapping of equal values, or queries."""
    if not labels:
        return ()
    if isinstance(labels, Mapping):
        return equal(labels)
    return tuple(labels)


def matches(queries: LabelQuery, labels: Mapping[str, str]) -> bool:
    """Whether labels satisfy at least one query; no query matches everything."""
    return not queries or any(all(term.matches(labels) for term in query) for query in queries)


def _number(text: str) -> float | None:
    found = re.fullmatch(r"\s*(-?\d+(?:\.\d+)?)\s*([kmgt]i?)?b?\s*", text.lower())
    return float(found[1]) * _UNITS[found[2] or ""] if found else None
