"""How a call begins, and the end, the failure and the waiting that both kinds of inbox have."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from talos.transport.calls import CallError


_EAGER: dict[str, Any] = {"eager_start": True} if sys.version_info >= (3, 12) else {}


def begin(call: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    """A task that goes as far as it can at once, where Python can do that; it may be done on return. A call whose
    request is there then needs no further turn of the event loop."""
    return asyncio.Task(call, loop=asyncio.get_running_loop(), **_EAGER)


class Arrivals:
    """What arrives for one call. One task at a time waits for it."""

    def __init__(self) -> None:
        self._ended = False
        self._failure: CallError | None = None
        self._waiter: asyncio.Future[None] | None = None

    def fail(self, error: CallError) -> None:
        """What was received before stays readable; then `error` is raised."""
        if self._failure is None and not self._ended:
            self._failure = error
        self.poke()

    def poke(self) -> None:
        """Wake whoever waits."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def wait(self) -> None:
        """Until anything arrives: data, the end, a failure, or `poke`."""
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None
