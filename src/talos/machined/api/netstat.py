"""Netstat: sockets of the node and of its pods."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from grpclib import GRPCError, Status

from talos.api import machine_pb2
from talos.linux import netstat
from talos.machined.rpc import Call, unary

NAMESPACES = Path("/run/netns")
_LISTEN = 10
_CLOSE = 7
Filter = machine_pb2.NetstatRequest.Filter


@unary("/machine.MachineService/Netstat")
async def netstat_(call: Call, request: Any) -> machine_pb2.NetstatResponse:
    """Sockets of the namespaces asked for, filtered. In a thread: a node holds thousands of them."""
    records = await asyncio.to_thread(_records, call.node.env.path(NAMESPACES), request)
    return machine_pb2.NetstatResponse(messages=[machine_pb2.Netstat(connectrecord=records)])


def _records(folder: Path, request: Any) -> list[machine_pb2.ConnectRecord]:
    tables = [name for name in netstat.TABLES if getattr(request.l4proto, name)]
    found = [
        (name, entry)
        for name, descriptor in _namespaces(folder, request.netns)
        for entry in netstat.entries(tables, descriptor)
        if _wanted(entry, request.filter)
    ]
    holders = netstat.holders(frozenset(entry.inode for _, entry in found)) if request.feature.pid else {}
    return [_record(name, entry, holders.get(entry.inode)) for name, entry in found]


def _namespaces(folder: Path, wanted: Any) -> Iterator[tuple[str, int | None]]:
    """Name and open descriptor of each; the node's own has no name and no descriptor."""
    if wanted.hostnetwork or wanted.allnetns:
        yield "", None
    names = list(wanted.netns)
    if wanted.allnetns:
        names = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
    for name in names:
        # Containers names a pod's namespace by its path.
        short = name.removeprefix("/var/run/netns/").removeprefix("/run/netns/")
        if "/" in short or short in ("", ".", ".."):
            raise GRPCError(Status.INVALID_ARGUMENT, f"network namespace {name!r} is not a name")
        try:
            descriptor = os.open(folder / short, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError as error:
            if wanted.allnetns:
                continue  # the pod ended meanwhile
            raise GRPCError(Status.NOT_FOUND, f'network namespace "{name}" not found') from error
        try:
            yield name, descriptor
        finally:
            os.close(descriptor)


def _wanted(entry: netstat.Entry, wanted: int) -> bool:
    """TCP tells by its state. Other protocols have no connections: a socket without a peer is called listening."""
    if wanted == Filter.ALL:
        return True
    listening = entry.state == _LISTEN if entry.table.startswith("tcp") else entry.state == _CLOSE
    return listening == (wanted == Filter.LISTENING)


def _record(namespace: str, entry: netstat.Entry, holder: tuple[int, str] | None) -> machine_pb2.ConnectRecord:
    record = machine_pb2.ConnectRecord(
        l4proto=entry.table,
        localip=entry.local_address,
        localport=entry.local_port,
        remoteip=entry.remote_address,
        remoteport=entry.remote_port,
        state=_enum(machine_pb2.ConnectRecord.State, entry.state),
        txqueue=entry.tx_queue,
        rxqueue=entry.rx_queue,
        tr=_enum(machine_pb2.ConnectRecord.TimerActive, entry.timer),
        timerwhen=entry.timer_when,
        retrnsmt=entry.retransmits,
        uid=entry.uid,
        timeout=entry.timeout,
        inode=entry.inode,
        ref=entry.references,
        pointer=entry.pointer,
        netns=namespace,
    )
    if holder is not None:
        record.process.pid, record.process.name = holder
    return record


def _enum(kind: Any, number: int) -> Any:
    """The kernel knows a state more than the wire (12, a request that has not become a socket yet)."""
    return number if number in kind.values() else 3 if kind is machine_pb2.ConnectRecord.State else 0
