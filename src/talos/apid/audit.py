"""Audit records on their way to machined, which alone writes the log.

machined itself notes the calls that it serves, and says so in a trailer. What it cannot know of comes from here: calls
that were refused, passed on to other nodes, or lost with machined. Such a call does not wait for its record: records
queue here and one task hands over what has gathered, so that a busy node pays one call to machined for many records.
While machined restarts they wait; a bounded number, and the log says how many were lost beyond it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque

from grpclib.const import Status

from talos import rbac
from talos.api import pytalos_audit_pb2 as pb
from talos.transport.calls import CallError
from talos.transport.http2 import stream_status
from talos.transport.identity import Identity
from talos.transport.link_client import MachineLink

log = logging.getLogger("apid")

MAX_WAITING = 10_000
MAX_BATCH = 500
RETRY_S = 1.0
GATHER_S = 0.02


def record(
    method: str,
    caller: Identity,
    forwarded_by: Identity | None,
    roles: frozenset[str],
    nodes: list[str],
    user_agent: str,
    call: str,
    begun_ns: int,
) -> pb.Record:
    """A record without outcome."""
    made = pb.Record(
        method=method, roles=sorted(roles), nodes=nodes, peer=caller.peer, user_agent=user_agent, call=call
    )
    made.time.FromNanoseconds(begun_ns)
    _fill(made.caller, caller)
    if forwarded_by is not None:
        _fill(made.forwarded_by, forwarded_by)
    return made


def unreadable(caller: Identity | None, why: str) -> pb.Record:
    """A call whose headers cannot be read: which method it was meant for is among them."""
    made = record("(unreadable headers)", caller or Identity(), None, frozenset(), [], "", "", time.time_ns())
    made.code, made.message = Status.INTERNAL.value, why
    return made


def _fill(target: pb.Identity, source: Identity) -> None:
    target.common_name = source.common_name
    target.organizations.extend(source.organizations)
    target.serial = source.serial
    target.fingerprint = source.fingerprint


class AuditQueue:
    """Queue of records and the task that empties it into machined."""

    def __init__(self, machined: MachineLink) -> None:
        self._machined = machined
        self._waiting: deque[bytes] = deque()
        self._dropped = 0
        self._busy = False
        self._arrived = asyncio.Event()

    def put(self, entry: pb.Record) -> None:
        """Queue a copy of the record as it is now."""
        if len(self._waiting) >= MAX_WAITING:
            self._waiting.popleft()
            self._dropped += 1
        self._waiting.append(entry.SerializeToString())
        self._arrived.set()

    async def drained(self) -> None:
        """Until every record has been handed over."""
        while self._waiting or self._busy:  # noqa: ASYNC110 - once, at the end
            await asyncio.sleep(GATHER_S)

    async def run(self) -> None:
        """Hand records over until cancelled."""
        while True:
            await self._arrived.wait()
            await asyncio.sleep(GATHER_S)
            self._arrived.clear()
            while self._waiting or self._dropped:
                batch = [self._waiting.popleft() for _ in range(min(MAX_BATCH, len(self._waiting)))]
                dropped, self._dropped = self._dropped, 0
                self._busy = True
                try:
                    await self._append(batch, dropped)
                except CallError as error:
                    self._waiting.extendleft(reversed(batch))
                    self._dropped += dropped
                    log.warning("%d audit records wait for machined: %s", len(self._waiting), error.text)
                    await asyncio.sleep(RETRY_S)
                finally:
                    self._busy = False

    async def _append(self, batch: list[bytes], dropped: int) -> None:
        request = pb.AppendRequest(dropped=dropped)
        for data in batch:
            request.records.add().MergeFromString(data)
        stream, done = await self._machined.open(rbac.AUDIT_APPEND, [("talos-role", rbac.APID)])
        try:
            await stream.send_message(request.SerializeToString(), end=True)
            while await stream.inbox.message() is not None:
                pass
            status, text = stream_status(stream)
            if status:
                # Not refused for being busy: a second time it would fail again.
                log.error("machined refused %d audit records: %s (status %d)", len(batch), text, status)
        finally:
            done()
