"""A clock for tests: time passes in advance() only."""

from __future__ import annotations

import asyncio
import datetime
import heapq
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field

ROUNDS = 40
"""turns of the loop after which everything that can run without time passing has run"""


@dataclass(order=True)
class _Call:
    due: float
    order: int
    call: Callable[[], None] = field(compare=False)
    cancelled: bool = field(default=False, compare=False)

    def cancel(self) -> None:
        self.cancelled = True


class FakeClock:
    """talos.state.clock.Clock."""

    def __init__(self) -> None:
        self._time = 0.0
        self._calls: list[_Call] = []
        self._order = itertools.count()

    def now(self) -> datetime.datetime:
        return datetime.datetime(2030, 1, 1, tzinfo=datetime.UTC) + datetime.timedelta(seconds=self._time)

    def monotonic(self) -> float:
        return self._time

    def call_later(self, seconds: float, call: Callable[[], None]) -> _Call:
        entry = _Call(self._time + seconds, next(self._order), call)
        heapq.heappush(self._calls, entry)
        return entry

    async def sleep(self, seconds: float) -> None:
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def wake() -> None:
            if not woken.done():
                woken.set_result(None)

        timer = self.call_later(seconds, wake)
        try:
            await woken
        finally:
            timer.cancel()

    @property
    def timers(self) -> int:
        """Timers that are set."""
        return sum(not call.cancelled for call in self._calls)

    async def advance(self, seconds: float) -> None:
        """Let time pass, running what becomes due in order."""
        end = self._time + seconds
        await settle()
        while self._calls and self._calls[0].due <= end:
            entry = heapq.heappop(self._calls)
            self._time = max(self._time, entry.due)
            if not entry.cancelled:
                entry.call()
                await settle()
        self._time = end


async def settle() -> None:
    """Let everything run that needs no time to pass."""
    for _ in range(ROUNDS):
        await asyncio.sleep(0)
