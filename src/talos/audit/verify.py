"""Proof of a chain: every line as it was written, none missing, none out of its place, none cut off at the end.

What a chain alone cannot show is that someone rewrote all of it from some line on. For that it is compared with heads
that were kept elsewhere: the one the node publishes, and those a person has anchored (printed, mailed, shipped).
"""

from __future__ import annotations

from collections.abc import Mapping

from talos.audit.chain import GENESIS, BrokenLineError, Head, unseal

PRUNED = "pruned"
"""event: the log ends its oldest file, `through` is the last record in it"""
TRUNCATED = "truncated"
"""event: the node found fewer records than it had written; `expected` and `found` are heads"""


class Verifier:
    """Feed it every line in order, then call `end`. `broken` names the first fault, "" while there is none."""

    def __init__(self, anchors: Mapping[str, Head] | None = None) -> None:
        """`anchors`: heads known from elsewhere, by what a message shall call them."""
        self.broken = ""
        self.first = Head()
        self.last = Head()
        self.records = 0
        self.unchecked: list[str] = []
        """anchors of records that the node has removed in its normal course: nothing is left to compare"""
        self._anchors = dict(anchors or {})
        self._missing_through: Head | None = None
        """what stands before the first line, until a record says that the node itself removed it"""

    def feed(self, raw: bytes) -> None:
        """The next line."""
        if self.broken:
            return
        try:
            line = unseal(raw)
        except BrokenLineError as error:
            self._fault(f"record {self.last.seq + 1}" if self.records else "the first record", str(error))
            return
        head = line.head
        name = f"record {head.seq}"
        if not self.records:
            self.first = head
            if head.seq != 1:
                self._missing_through = Head(head.seq - 1, line.prev)
            elif line.prev != GENESIS:
                self._fault(name, "it is the first and names one before it")
        elif head.seq != self.last.seq + 1:
            missing = f"record {self.last.seq + 1} is missing" if head.seq > self.last.seq else "it stands out of order"
            self._fault(name, f"it follows record {self.last.seq}: {missing}")
        elif line.prev != self.last.hash:
            self._fault(name, f"it does not belong behind record {self.last.seq}: one of the two was replaced")
        elif line.fields.get("event") == TRUNCATED:
            self._fault(
                name,
                f"the node found that its log had been cut or replaced: it ended with record "
                f"{line.fields.get('found')} instead of {line.fields.get('expected')}",
            )
        for label, anchor in self._anchors.items():
            if anchor.seq == head.seq and anchor.hash != head.hash:
                self._fault(name, f"its hash is {head.hash}, {label} says {anchor.hash}: the log was rewritten")
        if line.fields.get("event") == PRUNED and self._missing_through is not None:
            through = line.fields.get("through")
            if through == str(self._missing_through):
                self._missing_through = None
        self.records += 1
        self.last = head

    def end(self) -> None:
        """No more lines."""
        for label, anchor in self._anchors.items():
            if anchor.seq > self.last.seq:
                where = f"record {self.last.seq + 1}"
                self._fault(where, f"it is missing: the log ends before record {anchor.seq}, which {label} names")
            elif 0 < anchor.seq < self.first.seq:
                self.unchecked.append(label)
        if (missing := self._missing_through) is not None:
            self._fault(
                f"record {missing.seq}",
                f"it is missing: the log begins with record {self.first.seq}, and no record says that the node itself "
                "removed what was before",
            )

    def _fault(self, where: str, what: str) -> None:
        if not self.broken:
            self.broken = f"{where}: {what}"
