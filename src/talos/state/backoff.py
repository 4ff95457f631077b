"""Exponential back-off with jitter."""

from __future__ import annotations

import random
from collections.abc import Callable


class Backoff:
    """Delays in seconds: first, first*factor, … up to limit, each ± jitter (a part of 1).

    The jitter keeps controllers that failed for one reason (no network) from coming
    back in step.
    """

    def __init__(
        self,
        first: float = 0.1,
        factor: float = 2.0,
        limit: float = 30.0,
        jitter: float = 0.3,
        random: Callable[[], float] = random.random,
    ) -> None:
        self._first, self._factor, self._limit, self._jitter, self._random = first, factor, limit, jitter, random
        self._next = first

    def next(self) -> float:
        """The delay before the next try."""
        delay = self._next
        self._next = min(delay * self._factor, self._limit)
        return delay * (1 + self._jitter * (2 * self._random() - 1))

    def reset(self) -> None:
        """A try went well."""
        self._next = self._first
