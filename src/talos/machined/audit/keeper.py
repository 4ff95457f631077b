"""What happens to the log beside calls: the disk has it within a second, and its head is published.

The head is the resource AuditHeads.audit.pytalos.dev/api (`talosctl get audithead`), a file on the STATE volume, and
now and then a line in machined's log, which leaves the node wherever logs are sent. Each is a place from which a
person can take an anchor that whoever rewrites /var/log/audit does not reach.
"""

from __future__ import annotations

import asyncio
import logging

from talos.audit.chain import Head
from talos.machined.audit.log import AuditLog
from talos.resources.audit import AuditHeadSpec
from talos.state.inmemory import InMemoryState

log = logging.getLogger("machined.audit")

OWNER = "audit.HeadController"
INTERVAL_S = 1.0
KEEP_EVERY = 10
TELL_EVERY = 300
TELL_RECORDS = 1000


class HeadKeeper:
    """Follows the log's head."""

    def __init__(self, audit: AuditLog, state: InMemoryState) -> None:
        self._audit = audit
        self._state = state
        self._told = Head()
        self._published = Head()
        self._failing = ""

    async def run(self) -> None:
        """Until cancelled; then once more."""
        turn = 0
        try:
            while True:
                await self.once(turn)
                turn += 1
                await asyncio.sleep(INTERVAL_S)
        finally:
            self._audit.flush()
            await self._keep()

    async def once(self, turn: int) -> None:
        """What is due at this turn."""
        self._audit.open()
        self._audit.flush()
        await self._audit.synced()
        head = self._audit.head
        if head != self._published and head.seq:
            self._published = head
            spec = AuditHeadSpec(seq=head.seq, hash=head.hash)
            await self._state.modify(AuditHeadSpec, "api", lambda _: spec, owner=OWNER)
        if turn % KEEP_EVERY == 0:
            await self._keep()
        if head != self._told and (turn % TELL_EVERY == 0 or head.seq - self._told.seq >= TELL_RECORDS):
            self._told = head
            log.info("audit head %s", head)

    async def _keep(self) -> None:
        try:
            await self._audit.keep_head()
        except OSError as error:
            if str(error) != self._failing:
                self._failing = str(error)
                log.warning("the head of the audit log is not kept on the STATE volume: %s", error)
        else:
            self._failing = ""
