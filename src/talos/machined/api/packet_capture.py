"""PacketCapture: packets of a link as a pcap file that goes on until the caller leaves."""

from __future__ import annotations

import asyncio
import errno
import logging
from collections.abc import AsyncIterator
from typing import Any

from grpclib import GRPCError, Status

from talos.api import common_pb2
from talos.linux.packet import MAX_INSTRUCTIONS, PacketSocket, link_type
from talos.machined import pcap_format
from talos.machined.rpc import Call, server_stream

log = logging.getLogger("machined.pcap")

_LINK_TYPES = {1: pcap_format.LINKTYPE_ETHERNET, 772: pcap_format.LINKTYPE_ETHERNET, 65534: pcap_format.LINKTYPE_RAW}
MAX_SNAP_BYTES = 262144
_BATCH_BYTES = 64 * 1024


@server_stream("/machine.MachineService/PacketCapture")
async def packet_capture(_call: Call, request: Any) -> AsyncIterator[common_pb2.Data]:
    """Begins with the file's header, which also tells the caller that packets are being recorded from now on."""
    kind = _link_type(request.interface)
    snap_bytes = request.snap_len or 65536
    if snap_bytes > MAX_SNAP_BYTES:
        raise GRPCError(Status.INVALID_ARGUMENT, f"snap_len {snap_bytes} is more than {MAX_SNAP_BYTES} bytes")
    with _open(request, snap_bytes) as packets:
        yield common_pb2.Data(bytes=pcap_format.header(snap_bytes, kind))
        loop, arrived = asyncio.get_running_loop(), asyncio.Event()
        loop.add_reader(packets.fileno(), arrived.set)
        lost = 0
        try:
            while True:
                # Readable for as long as anything waits: a slow caller leaves it to the kernel's buffer, which drops.
                await arrived.wait()
                loop.remove_reader(packets.fileno())
                batch = bytearray()
                while len(batch) < _BATCH_BYTES and (packet := packets.receive()) is not None:
                    batch += pcap_format.record(packet.time_ns, packet.length, packet.data)
                if batch:
                    yield common_pb2.Data(bytes=bytes(batch))
                arrived.clear()
                loop.add_reader(packets.fileno(), arrived.set)
        except OSError as error:
            if error.errno not in (errno.ENETDOWN, errno.ENODEV):
                raise
            raise GRPCError(Status.UNAVAILABLE, f'interface "{request.interface}" went down') from error
        finally:
            loop.remove_reader(packets.fileno())
            lost += packets.dropped()
            if lost:
                log.warning("capture on %s: %d packets came faster than the caller took them", request.interface, lost)


def _link_type(interface: str) -> int:
    try:
        number = link_type(interface)
    except OSError as error:
        raise GRPCError(Status.NOT_FOUND, f'interface "{interface}" not found') from error
    if number not in _LINK_TYPES:
        raise GRPCError(Status.INVALID_ARGUMENT, f'interface "{interface}" has link type {number}: only Ethernet, '
                        "loopback and links without a header can be captured")  # fmt: skip
    return _LINK_TYPES[number]


def _open(request: Any, snap_bytes: int) -> PacketSocket:
    program = [(i.op, i.jt, i.jf, i.k) for i in request.bpf_filter]
    if len(program) > MAX_INSTRUCTIONS or any(op > 0xFFFF or jt > 0xFF or jf > 0xFF for op, jt, jf, _ in program):
        raise GRPCError(Status.INVALID_ARGUMENT, "bpf_filter is no BPF program: op has 16 bits, jt and jf have 8")
    try:
        return PacketSocket(request.interface, filter=program, promiscuous=request.promiscuous, snap_bytes=snap_bytes)
    except OSError as error:
        if error.errno == errno.EINVAL and program:
            raise GRPCError(Status.INVALID_ARGUMENT, "the kernel refuses bpf_filter: no valid program") from error
        if error.errno == errno.ENODEV:
            raise GRPCError(Status.NOT_FOUND, f'interface "{request.interface}" not found') from error
        raise
