"""Netstat and PacketCapture through a node's socket, on sockets and packets of our own."""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from grpclib import GRPCError, Status
from grpclib.client import Channel, UnaryStreamMethod, UnaryUnaryMethod
from grpclib.server import Server

from talos import rbac
from talos.api import common_pb2, machine_pb2
from talos.linux.mount import bind, umount
from talos.linux.namespace import network_namespace, new_network_namespace
from talos.machined import rpc
from talos.machined.node import Node

SERVICE = "/machine.MachineService/"
ROLE = [(rpc.ROLE_KEY, rbac.ADMIN)]
Request = machine_pb2.NetstatRequest
rpc.load_handlers()


@pytest.fixture
async def channel(make_node: Callable[..., Node], tmp_path: Path) -> AsyncIterator[Channel]:
    server = Server([rpc.MachineApi(make_node(), rbac.allowed)])
    await server.start(path=str(tmp_path / "machine.sock"))
    made = Channel(path=str(tmp_path / "machine.sock"))
    yield made
    made.close()
    server.close()
    await server.wait_closed()


async def connections(channel: Channel, request: Request) -> list[machine_pb2.ConnectRecord]:
    method = UnaryUnaryMethod(channel, SERVICE + "Netstat", Request, machine_pb2.NetstatResponse)
    return list((await method(request, metadata=ROLE)).messages[0].connectrecord)


HOST = Request.NetNS(hostnetwork=True)
TCP = Request.L4proto(tcp=True)


async def test_a_connection_and_its_listener_are_told_apart(channel: Channel) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)) as client:
            mine = client.getsockname()[1]

            async def ports(filter: Request.Filter) -> list[tuple[int, int, int]]:
                found = await connections(channel, Request(filter=filter, l4proto=TCP, netns=HOST))
                return [(r.localport, r.remoteport, r.state) for r in found if {r.localport, r.remoteport} & {port}]

            assert await ports(Request.LISTENING) == [(port, 0, machine_pb2.ConnectRecord.LISTEN)]
            established = machine_pb2.ConnectRecord.ESTABLISHED
            assert sorted(await ports(Request.CONNECTED)) == sorted(
                [(mine, port, established), (port, mine, established)]
            )
            assert len(await ports(Request.ALL)) == 3


async def test_the_process_is_named_when_asked_for(channel: Channel) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        for pid, expected in ((False, 0), (True, os.getpid())):
            request = Request(filter=Request.LISTENING, l4proto=TCP, netns=HOST, feature=Request.Feature(pid=pid))
            (record,) = [r for r in await connections(channel, request) if r.localport == port]
            assert record.process.pid == expected
        assert record.process.name == Path("/proc/self/comm").read_text().strip()


async def test_only_the_protocols_asked_for(channel: Channel) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
        udp = await connections(
            channel, Request(filter=Request.LISTENING, l4proto=Request.L4proto(udp=True), netns=HOST)
        )
        assert port in [r.localport for r in udp]
        assert {r.l4proto for r in udp} == {"udp"}
        assert await connections(channel, Request(netns=HOST)) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root")
async def test_a_pods_namespace_by_its_name_and_by_its_path(channel: Channel, tmp_path: Path) -> None:
    namespace = new_network_namespace()
    place = tmp_path / "run/netns/cni-1"
    place.parent.mkdir(parents=True)
    place.touch()
    bind(f"/proc/self/fd/{namespace}", str(place))
    try:
        with network_namespace(namespace):
            sock = socket.create_server(("0.0.0.0", 45679))
        with sock:
            for name in ("cni-1", "/var/run/netns/cni-1"):
                netns = Request.NetNS(netns=[name])
                (record,) = await connections(channel, Request(filter=Request.ALL, l4proto=TCP, netns=netns))
                assert (record.localport, record.netns) == (45679, name)
            every = Request(filter=Request.ALL, l4proto=TCP, netns=Request.NetNS(allnetns=True))
            assert (45679, "cni-1") in [(r.localport, r.netns) for r in await connections(channel, every)]
    finally:
        umount(place)
        os.close(namespace)


@pytest.mark.parametrize(
    ("name", "status"), [("nosuch", Status.NOT_FOUND), ("../x", Status.INVALID_ARGUMENT), ("", Status.INVALID_ARGUMENT)]
)
async def test_a_namespace_that_is_none(channel: Channel, name: str, status: Status) -> None:
    with pytest.raises(GRPCError) as caught:
        await connections(channel, Request(l4proto=TCP, netns=Request.NetNS(netns=[name])))
    assert caught.value.status is status


def to_port(port: int) -> list[machine_pb2.BPFInstruction]:
    """BPF: IPv4 UDP to this port (what `tcpdump -dd udp dst port` prints)."""
    program = [(0x28, 0, 0, 12), (0x15, 0, 8, 0x0800), (0x30, 0, 0, 23), (0x15, 0, 6, 17), (0x28, 0, 0, 20),
               (0x45, 4, 0, 0x1FFF), (0xB1, 0, 0, 14), (0x48, 0, 0, 16), (0x15, 0, 1, port), (6, 0, 0, 0x40000),
               (6, 0, 0, 0)]  # fmt: skip
    return [machine_pb2.BPFInstruction(op=op, jt=jt, jf=jf, k=k) for op, jt, jf, k in program]


@pytest.mark.skipif(os.geteuid() != 0, reason="packet sockets need root")
async def test_a_capture_is_a_pcap_file_of_what_passes_the_filter(channel: Channel) -> None:
    method = UnaryStreamMethod(channel, SERVICE + "PacketCapture", machine_pb2.PacketCaptureRequest, common_pb2.Data)
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sink,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock,
    ):
        sink.bind(("127.0.0.1", 0))
        port = sink.getsockname()[1]
        request = machine_pb2.PacketCaptureRequest(interface="lo", snap_len=100, bpf_filter=to_port(port))
        async with method.open(metadata=ROLE) as stream:
            await stream.send_message(request, end=True)
            head = await asyncio.wait_for(stream.recv_message(), 5)
            assert head is not None
            assert struct.unpack("<IHHiIII", head.bytes) == (0xA1B23C4D, 2, 4, 0, 0, 100, 1)
            sock.sendto(b"other", ("127.0.0.1", 9))
            sock.sendto(b"x" * 500, ("127.0.0.1", port))
            body = b""
            while len(body) < 2 * (16 + 100):  # the loopback link shows a packet when it leaves and when it arrives
                message = await asyncio.wait_for(stream.recv_message(), 5)
                assert message is not None
                body += message.bytes
            await stream.cancel()
    _seconds, _nanoseconds, captured, length = struct.unpack_from("<IIII", body)
    assert (captured, length) == (100, 14 + 20 + 8 + 500)
    assert body[16 + 42 : 16 + 100] == b"x" * 58


@pytest.mark.skipif(os.geteuid() != 0, reason="packet sockets need root")
@pytest.mark.parametrize(
    ("changes", "status", "text"),
    [
        ({"interface": "nosuch"}, Status.NOT_FOUND, 'interface "nosuch" not found'),
        ({"snap_len": 1 << 30}, Status.INVALID_ARGUMENT, "snap_len"),
        ({"bpf_filter": [machine_pb2.BPFInstruction(op=1 << 20)]}, Status.INVALID_ARGUMENT, "no BPF program"),
        ({"bpf_filter": [machine_pb2.BPFInstruction(op=0xFFFF)]}, Status.INVALID_ARGUMENT, "kernel refuses"),
        ({"bpf_filter": [machine_pb2.BPFInstruction(op=6)] * 5000}, Status.INVALID_ARGUMENT, "no BPF program"),
    ],
)
async def test_a_capture_that_cannot_be(
    channel: Channel, changes: dict[str, object], status: Status, text: str
) -> None:
    method = UnaryStreamMethod(channel, SERVICE + "PacketCapture", machine_pb2.PacketCaptureRequest, common_pb2.Data)
    with pytest.raises(GRPCError) as caught:
        await method(machine_pb2.PacketCaptureRequest(**{"interface": "lo", **changes}), metadata=ROLE)  # type: ignore[arg-type]
    assert caught.value.status is status
    assert text in str(caught.value.message)
