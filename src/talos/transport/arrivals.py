"""The end, the failure and the waiting that both kinds of inbox have: of bytes over HTTP/2, of messages by the link."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from talos.transport.http2 import CallError


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
