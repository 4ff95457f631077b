"""Which DNS servers answer, as the cache of this process met them: said by the cache, read by the other controller.

Between two controllers of one process, beside the state: a resource for it would be a type that Talos does not have,
written at every server that goes silent. Asking the servers on purpose to find out was rejected: a node sends nothing
that nobody asked for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from weakref import WeakKeyDictionary

Server = tuple[str, int]
"""address, port"""


class Health:
    """Servers that are known to be silent are not healthy, all others are."""

    def __init__(self) -> None:
        self._known: Mapping[Server, bool] = {}
        self._readers: set[Callable[[], None]] = set()

    def of(self, server: Server) -> bool:
        return self._known.get(server, True)

    def say(self, known: Mapping[Server, bool]) -> None:
        """What is known now, in place of what was."""
        if dict(known) != self._known:
            self._known = dict(known)
            for changed in [*self._readers]:
                changed()

    def follow(self, changed: Callable[[], None]) -> Callable[[], None]:
        """Call back after every change, until what is returned is called."""
        self._readers.add(changed)
        return lambda: self._readers.discard(changed)


_OF_LOOPS: WeakKeyDictionary[asyncio.AbstractEventLoop, Health] = WeakKeyDictionary()


def health() -> Health:
    """Of the cache on this event loop: a process has one of each, a test one for itself."""
    return _OF_LOOPS.setdefault(asyncio.get_running_loop(), Health())
