"""Time, injected: wall clock, monotonic clock and timers of the event loop.

Tests pass their own, so that no test sleeps for real.
"""

from __future__ import annotations

import asyncio
import datetime
import time
from collections.abc import Callable
from typing import Protocol

ZERO_TIME = datetime.datetime(1, 1, 1, tzinfo=datetime.UTC)
"""The time that was never set: 0001-01-01T00:00:00Z on the wire."""


class Timer(Protocol):
    """What call_later returns."""

    def cancel(self) -> None:
        """Forget the call."""


class Clock(Protocol):
    """The time as the node's code may see it."""

    def now(self) -> datetime.datetime:
        """Wall clock, UTC."""

    def monotonic(self) -> float:
        """Seconds from an arbitrary start, never going back."""

    def call_later(self, seconds: float, call: Callable[[], None]) -> Timer:
        """Call once after seconds."""

    async def sleep(self, seconds: float) -> None:
        """Wait for seconds."""


class LoopClock:
    """The real time."""

    def now(self) -> datetime.datetime:
        return datetime.datetime.now(datetime.UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    def call_later(self, seconds: float, call: Callable[[], None]) -> Timer:
        return asyncio.get_running_loop().call_later(seconds, call)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
