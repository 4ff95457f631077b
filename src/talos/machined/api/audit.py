"""The audit log: records from apid go in, lines come out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

from google.protobuf.empty_pb2 import Empty
from grpclib import GRPCError, Status

from talos.api import pytalos_audit_pb2 as pb
from talos.audit.chain import BrokenLineError, unseal
from talos.machined.audit import reader
from talos.machined.rpc import Call, server_stream, unary

MAX_TAIL = 100_000
LINES = 200
"""in a message"""


@unary("/pytalos.audit.AuditService/Append")
async def append(call: Call, request: Any) -> Empty:
    """Only apid may call this (talos.rbac)."""
    if request.dropped:
        call.node.audit.lose(request.dropped)
    for record in request.records:
        call.node.audited.hand_over(record)
    return Empty()


@server_stream("/pytalos.audit.AuditService/Read")
async def read(call: Call, request: pb.ReadRequest) -> AsyncIterator[pb.ReadResponse]:
    """The head, then lines, oldest first."""
    audit = call.node.audit
    try:
        matches = reader.wanted(
            list(request.names),
            list(request.methods),
            reader.moment(request.since.seconds, request.since.nanos) if request.HasField("since") else None,
            reader.moment(request.until.seconds, request.until.nanos) if request.HasField("until") else None,
            request.failed,
        )
    except ValueError as error:
        raise GRPCError(Status.INVALID_ARGUMENT, str(error)) from error
    if request.tail > MAX_TAIL:
        raise GRPCError(Status.INVALID_ARGUMENT, f"tail is {request.tail}, at most {MAX_TAIL} records can be asked for")
    audit.flush()
    head = audit.head
    yield pb.ReadResponse(head=pb.Head(seq=head.seq, hash=head.hash))
    skip_through = 0
    if request.tail:
        last = await asyncio.to_thread(lambda: [*reader.tail(audit.folder, request.tail, matches)][::-1])
        for start in range(0, len(last), LINES):
            yield pb.ReadResponse(lines=last[start : start + LINES])
        if not request.follow:
            return
        skip_through = max([head.seq, *map(_seq, last[-1:])])
    async with aclosing(reader.blocks(audit, follow=request.follow, after=skip_through)) as blocks:
        async for lines in blocks:
            if skip_through:
                lines = [line for line in lines if _seq(line) > skip_through]
            if matches is not None:
                lines = [line for line in lines if matches(line)]
            if lines:
                yield pb.ReadResponse(lines=lines)


def _seq(line: bytes) -> int:
    try:
        return unseal(line).head.seq
    except BrokenLineError:
        return 0
