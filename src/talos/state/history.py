"""The last changes of one collection, so that a watch can begin in the past: with the last few, or after a bookmark.

Bounded by number: what is kept are the versions themselves, and a busy type would otherwise fill the node.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Any

from talos.state.resource import Resource
from talos.state.watch import EventKind

KEPT = 64
"""changes of each type in each namespace"""

Change = tuple[int, EventKind, Resource[Any], Resource[Any] | None]
"""(position, what happened, the value after it, the one before an update); positions count from 1"""


class History:
    """Changes in the order in which they happened."""

    __slots__ = ("_changes", "position")

    def __init__(self, kept: int = KEPT) -> None:
        self._changes: deque[Change] = deque(maxlen=kept)
        self.position = 0
        """of the last change; 0: none yet"""

    def add(self, event: EventKind, resource: Resource[Any], old: Resource[Any] | None) -> Change:
        """Note a change."""
        self.position += 1
        change = (self.position, event, resource, old)
        self._changes.append(change)
        return change

    def after(self, position: int) -> list[Change] | None:
        """All changes after this position; None: it lies further back than what is kept, or is none."""
        if not self.position - len(self._changes) <= position <= self.position:
            return None
        return [change for change in self._changes if change[0] > position]

    def newest_first(self) -> Iterable[Change]:
        """What is kept."""
        return reversed(self._changes)
