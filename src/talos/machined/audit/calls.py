"""Records of calls: those that machined serves, and those that apid hands over because they came no further.

A call leaves one record when it ends, before its answer. One that changes the node, or shows what readers may not see,
has one more before it is carried out, on the disk by then: a node that reboots or dies by it has noted who asked. A
stream that lasts leaves one after a second.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections import OrderedDict
from collections.abc import Mapping
from datetime import UTC
from typing import Any

from google.protobuf.message import Message
from grpclib import Status

from talos import rbac
from talos.machined.audit.log import AuditLog, stamp
from talos.machined.audit.summary import clipped, summary
from talos.transport.identity import CALL_KEY, FORWARDED_KEY, Identity

LASTING_S = 1.0
REMEMBERED = 4096
MAX_MESSAGE = 1000
_CODES = {status.value: status.name for status in Status}


def noted_before(method: str) -> bool:
    """The method changes the node or shows what readers may not see."""
    return method in rbac.READER_ONLY_IN_MAINTENANCE or rbac.READER not in rbac.METHODS.get(method, ())


class CallAudit:
    """Makes the records of calls."""

    def __init__(self, log: AuditLog) -> None:
        self.log = log
        self._ended: OrderedDict[str, None] = OrderedDict()
        """ids of calls whose last record is written: of a call that its caller left, apid cannot know"""

    def begin(
        self, method: str, roles: frozenset[str], caller: Identity, metadata: Mapping[str, str], user_agent: str
    ) -> CallRecord:
        """A call comes in."""
        fields: dict[str, Any] = {
            "method": clipped(method),
            "call": clipped(metadata.get(CALL_KEY, "")),
            "caller": _identity(caller),
            "peer": clipped(caller.peer) or "local",
            "roles": sorted(map(clipped, roles)),
        }
        if (passed_by := Identity.decode(metadata.get(FORWARDED_KEY, ""))) is not None:
            fields["forwarded_by"] = {**_identity(passed_by), "peer": clipped(passed_by.peer)}
        if user_agent:
            fields["user_agent"] = clipped(user_agent)
        return CallRecord(self, method, fields)

    def end(self, call: str) -> bool:
        """Note that a call's last record is written now; False if one was before."""
        if not call:
            return True
        if call in self._ended:
            return False
        self._ended[call] = None
        if len(self._ended) > REMEMBERED:
            self._ended.popitem(last=False)
        return True

    def hand_over(self, record: Any) -> None:
        """A record of apid (pytalos.audit.Record)."""
        if record.perhaps_recorded and not record.started and not self.end(record.call):
            return
        fields: dict[str, Any] = {
            "time": stamp(record.time.ToDatetime(UTC)),
            "event": "started" if record.started else "call",
            "node": os.uname().nodename,
            "method": clipped(record.method),
            "call": clipped(record.call),
            "caller": {
                "name": clipped(record.caller.common_name),
                "serial": clipped(record.caller.serial),
                "fingerprint": clipped(record.caller.fingerprint),
            },
            "peer": clipped(record.peer) or "local",
            "roles": sorted(map(clipped, record.roles)),
        }
        if record.nodes:
            fields["nodes"] = [clipped(node) for node in record.nodes[:64]]
        if record.HasField("forwarded_by"):
            fields["forwarded_by"] = {
                "name": clipped(record.forwarded_by.common_name),
                "serial": clipped(record.forwarded_by.serial),
                "fingerprint": clipped(record.forwarded_by.fingerprint),
            }
        if record.user_agent:
            fields["user_agent"] = clipped(record.user_agent)
        if not record.started:
            fields |= _outcome(record.code, record.message, record.duration.ToNanoseconds() / 1e6)
        self.log.append(fields)


class CallRecord:
    """The records of one call that machined serves."""

    def __init__(self, audit: CallAudit, method: str, fields: dict[str, Any]) -> None:
        self._audit = audit
        self._fields = fields
        self._begun = time.monotonic()
        self._timer: asyncio.TimerHandle | None = None
        self._started = False
        self._noted_before = noted_before(method)

    async def carried_out(self, request: Message | None) -> None:
        """The call is about to be carried out; `request` None: it sends a stream."""
        if request is not None and (asked := summary(request)):
            self._fields["request"] = asked
        if self._noted_before:
            self._write_start()
            await self._audit.log.synced()
        else:
            self._timer = asyncio.get_running_loop().call_later(LASTING_S, self._write_start)

    def ended(self, status: int, text: str) -> None:
        """The call ends with this gRPC status; to be called before the answer leaves."""
        if self._timer is not None:
            self._timer.cancel()
        if self._audit.end(self._fields["call"]):
            spent = (time.monotonic() - self._begun) * 1000
            self._append("call", _outcome(status, text, spent))

    def _write_start(self) -> None:
        if not self._started:
            self._started = True
            self._append("started", {})

    def _append(self, event: str, more: Mapping[str, Any]) -> None:
        self._audit.log.append({"event": event, "node": os.uname().nodename, **self._fields, **more})


def _identity(identity: Identity) -> dict[str, str]:
    return {
        "name": clipped(identity.common_name),
        "serial": clipped(identity.serial),
        "fingerprint": clipped(identity.fingerprint),
    }


def _outcome(code: int, message: str, milliseconds: float) -> dict[str, Any]:
    outcome: dict[str, Any] = {"code": _CODES.get(code, str(code)), "ms": round(milliseconds, 3)}
    if message:
        outcome["message"] = clipped(message, MAX_MESSAGE)
    return outcome
