"""The node's clock beside a time server's."""

from __future__ import annotations

import time
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp
from grpclib import GRPCError, Status

from talos.api import time_pb2
from talos.linux.ntp import NtpError, query
from talos.machined.rpc import Call, unary
from talos.resources.network import TimeServerStatusSpec


async def _compare(server: str) -> time_pb2.TimeResponse:
    try:
        sample = await query(server)
    except (TimeoutError, NtpError, OSError) as error:
        reason = str(error) or "no answer in time"
        raise GRPCError(Status.UNKNOWN, f'cannot ask the NTP server "{server}": {reason}') from error
    local = time.time()
    return time_pb2.TimeResponse(
        messages=[time_pb2.Time(server=server, localtime=_stamp(local), remotetime=_stamp(local + sample.offset_s))]
    )


def _stamp(seconds: float) -> Timestamp:
    stamp = Timestamp()
    stamp.FromNanoseconds(int(seconds * 1e9))
    return stamp


@unary("/time.TimeService/Time")
async def node_time(call: Call, _request: Any) -> time_pb2.TimeResponse:
    """Against the first time server that the node uses."""
    servers = await call.node.state.get_or_none(TimeServerStatusSpec, "timeservers")
    if servers is None or not servers.spec.time_servers:
        raise GRPCError(Status.FAILED_PRECONDITION, "no time server is configured: name one with TimeCheck (--check)")
    return await _compare(servers.spec.time_servers[0])


@unary("/time.TimeService/TimeCheck")
async def time_check(_call: Call, request: Any) -> time_pb2.TimeResponse:
    """Against the server that the request names."""
    if not request.server:
        raise GRPCError(Status.INVALID_ARGUMENT, "server is empty: name the NTP server to ask")
    return await _compare(request.server)
