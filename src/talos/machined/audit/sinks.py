"""Sends the audit log to the destinations of AuditSinkConfig documents, a record a line, as it stands in the file.

Over TCP nothing says what has arrived, so a line may come twice, never not at all: after a lost connection sending
goes on some records back, and where it stands is kept beside the log for the next start. Over UDP each line is a
datagram, and what is lost is lost. A receiver finds doubles, gaps and changes by the chain in the lines.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from talos.audit.chain import BrokenLineError, unseal
from talos.config.view.access import AuditSink
from talos.machined import durable
from talos.machined.audit import reader
from talos.machined.audit.log import AuditLog
from talos.machined.configuration import ACTIVE
from talos.machined.line_sender import send_lines
from talos.resources.config import MachineConfigSpec
from talos.state.inmemory import InMemoryState

log = logging.getLogger("machined.audit")

AGAIN = 100
"""records that are sent once more after a lost connection: what was on its way"""
KEEP_EVERY_S = 5.0
FIRST_WAIT_S = 1.0
MAX_WAIT_S = 60.0


class AuditSinks:
    """One task for each destination, as the configuration changes."""

    def __init__(self, audit: AuditLog, state: InMemoryState, wanted: Callable[[], tuple[AuditSink, ...]]) -> None:
        self._audit = audit
        self._state = state
        self._wanted = wanted
        self._tasks: dict[AuditSink, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Until cancelled."""
        try:
            async with self._state.watch(MachineConfigSpec, ACTIVE) as events:
                self._apply()
                async for _ in events:
                    self._apply()
        finally:
            for task in self._tasks.values():
                task.cancel()
            await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    def _apply(self) -> None:
        wanted = set(self._wanted())
        for sink in self._tasks.keys() - wanted:
            self._tasks.pop(sink).cancel()
        for sink in wanted - self._tasks.keys():
            self._tasks[sink] = asyncio.create_task(self._forever(sink), name=f"audit sink {sink.name}")

    async def _forever(self, sink: AuditSink) -> None:
        """Send, and after a fault again, waiting longer each time up to a minute."""
        while not self._audit.open():  # noqa: ASYNC110 - where sending goes on stands beside the log
            await asyncio.sleep(FIRST_WAIT_S)
        position = Position(self._audit, sink)
        wait, told = FIRST_WAIT_S, ""
        while True:
            sent = position.seq
            try:
                await self._send(sink, position)
            except (OSError, TimeoutError) as error:
                text = str(error) or type(error).__name__
                if text != told:
                    told = text
                    log.warning("the audit log does not reach %s (%s), it waits: %s", sink.name, sink.url, text)
            if position.seq > sent:
                wait, told = FIRST_WAIT_S, ""
                position.back()
            await asyncio.sleep(wait)
            wait = min(wait * 2, MAX_WAIT_S)

    async def _send(self, sink: AuditSink, position: Position) -> None:
        await send_lines(sink.url, self._lines(position))

    async def _lines(self, position: Position) -> AsyncGenerator[list[bytes], None]:
        """What has not been sent; a batch counts as sent when the next one is asked for."""
        async with aclosing(reader.blocks(self._audit, follow=True, after=position.seq)) as blocks:
            async for lines in blocks:
                batch, last = [], position.seq
                for line in lines:
                    seq = _seq(line)
                    if not seq or seq > position.seq:
                        batch.append(line)
                        last = seq or last
                if batch:
                    yield batch
                    position.seq = last
                    position.keep()


class Position:
    """How far a destination is, kept in a file from time to time."""

    def __init__(self, audit: AuditLog, sink: AuditSink) -> None:
        safe = "".join(c if c.isalnum() else "_" for c in sink.name)[:64]
        self._path = audit.folder / f".sent-{safe}"
        self._kept_at = 0.0
        self.seq = audit.head.seq
        """a destination that is new gets what is written from then on"""
        with contextlib.suppress(OSError, ValueError):
            self.seq = min(self.seq, int(self._path.read_text()))
        self._first = self.seq

    def back(self) -> None:
        """Count the last ones as not sent: what was on its way may not have arrived."""
        self.seq = max(self._first, self.seq - AGAIN)

    def keep(self) -> None:
        """Write it down, not for every line."""
        now = asyncio.get_running_loop().time()
        if now - self._kept_at >= KEEP_EVERY_S:
            self._kept_at = now
            with contextlib.suppress(OSError):
                durable.write(self._path, str(self.seq).encode())


def _seq(line: bytes) -> int:
    """Number of a record; 0 for a line that is none: it is sent all the same, the receiver shall see it."""
    try:
        return unseal(line).head.seq
    except BrokenLineError:
        return 0
