"""The table of API methods over a real socket: who may call, what is not carried out, how errors arrive."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.empty_pb2 import Empty
from grpclib import GRPCError, Status
from grpclib.client import Channel, UnaryStreamMethod, UnaryUnaryMethod
from grpclib.server import Server

from talos import rbac
from talos.api import common_pb2, machine_pb2
from talos.machined import rpc
from talos.machined.node import Node
from talos.transport.identity import CALLER_KEY, Identity

NodeFactory = Callable[..., Node]
SERVICE = "/machine.MachineService/"
rpc.load_handlers()


@pytest.fixture
async def call_on(tmp_path: Path) -> AsyncIterator[Callable[..., Any]]:
    """call_on(node) → call(method, request, response, role) on its socket; a list of answers for a stream."""
    socket = str(tmp_path / "machine.sock")
    channel = Channel(path=socket)
    servers = []

    async def send(
        method: str, request: Any, response: type[Any], *roles: str, stream: bool = False, path: str = SERVICE
    ) -> Any:
        metadata = [(rpc.ROLE_KEY, role) for role in roles]
        if stream:
            return await UnaryStreamMethod(channel, path + method, type(request), response)(request, metadata=metadata)
        return await UnaryUnaryMethod(channel, path + method, type(request), response)(request, metadata=metadata)

    async def serve(node: Node) -> Callable[..., Any]:
        server = Server([rpc.MachineApi(node, rbac.allowed)])
        servers.append(server)
        await server.start(path=socket)
        return send

    yield serve
    channel.close()
    for server in servers:
        server.close()
        await server.wait_closed()


@pytest.fixture
async def call(make_node: NodeFactory, call_on: Callable[..., Any]) -> Callable[..., Any]:
    """call(method, request, response, role) on a container node."""
    found: Callable[..., Any] = await call_on(make_node())
    return found


async def test_a_reader_gets_the_version(call: Callable[..., Any]) -> None:
    answer = await call("Version", Empty(), machine_pb2.VersionResponse, rbac.READER)
    assert answer.messages[0].version.tag.startswith("v1.14.")
    assert (answer.messages[0].platform.name, answer.messages[0].platform.mode) == ("container", "container")


@pytest.mark.parametrize("roles", [(), (rbac.READER,), (rbac.READER, "os:nosuch"), (rbac.ETCD_BACKUP,)])
async def test_without_the_role_nothing_happens(call: Callable[..., Any], roles: tuple[str, ...]) -> None:
    with pytest.raises(GRPCError) as caught:
        await call("Reset", machine_pb2.ResetRequest(), machine_pb2.ResetResponse, *roles)
    assert (caught.value.status, caught.value.message) == (Status.PERMISSION_DENIED, "not authorized")


async def test_several_roles_may_come_in_one_value(call: Callable[..., Any]) -> None:
    assert await call("Version", Empty(), machine_pb2.VersionResponse, "os:nosuch, os:reader")


async def test_a_method_of_the_contract_without_a_handler_says_that_it_is_not_carried_out(
    make_node: NodeFactory, monkeypatch: pytest.MonkeyPatch, call_on: Callable[..., Any]
) -> None:
    monkeypatch.delitem(rpc._methods, SERVICE + "PacketCapture")
    call = await call_on(make_node())
    with pytest.raises(GRPCError) as caught:
        await call("PacketCapture", machine_pb2.PacketCaptureRequest(), common_pb2.Data, rbac.ADMIN, stream=True)
    assert caught.value.status is Status.UNIMPLEMENTED
    assert "PacketCapture is not carried out by this version" in str(caught.value.message)


async def test_every_method_of_the_contract_is_in_the_table(make_node: NodeFactory) -> None:
    table = rpc.MachineApi(make_node(), rbac.allowed).__mapping__()
    assert set(rpc.registered()) <= set(table)
    assert SERVICE + "Version" in table and SERVICE + "PacketCapture" in table and len(table) > 80


async def test_a_stream_ends_with_the_error_of_its_handler(call: Callable[..., Any]) -> None:
    with pytest.raises(GRPCError) as caught:
        await call("Read", machine_pb2.ReadRequest(path="/nosuch"), common_pb2.Data, rbac.ADMIN, stream=True)
    assert (caught.value.status, caught.value.message) == (Status.NOT_FOUND, "stat /nosuch: no such file or directory")


async def test_files_are_listed_and_read(call: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/hosts").write_text("127.0.0.1 localhost\n")
    (tmp_path / "etc/link").symlink_to("hosts")
    listed = await call("List", machine_pb2.ListRequest(root="/etc"), machine_pb2.FileInfo, rbac.READER, stream=True)
    assert [(f.relative_name, f.link, f.is_dir) for f in listed] == [
        (".", "", True),
        ("hosts", "", False),
        ("link", "hosts", False),
    ]
    read = await call("Read", machine_pb2.ReadRequest(path="/etc/hosts"), common_pb2.Data, rbac.ADMIN, stream=True)
    assert b"".join(chunk.bytes for chunk in read) == b"127.0.0.1 localhost\n"


@pytest.mark.parametrize("path", ["../etc/shadow", "relative"])
async def test_a_path_must_be_absolute(call: Callable[..., Any], path: str) -> None:
    with pytest.raises(GRPCError, match="path is not absolute"):
        await call("Read", machine_pb2.ReadRequest(path=path), common_pb2.Data, rbac.ADMIN, stream=True)


async def test_dots_do_not_leave_the_nodes_root(call: Callable[..., Any]) -> None:
    with pytest.raises(GRPCError, match="no such file"):
        await call(
            "Read", machine_pb2.ReadRequest(path="/../../../../etc/passwd"), common_pb2.Data, rbac.ADMIN, stream=True
        )


async def test_an_unknown_service_is_named(call: Callable[..., Any]) -> None:
    with pytest.raises(GRPCError) as caught:
        request = machine_pb2.ServiceRestartRequest(id="nosuch")
        await call("ServiceRestart", request, machine_pb2.ServiceRestartResponse, rbac.ADMIN)
    assert (caught.value.status, caught.value.message) == (Status.UNKNOWN, 'service "nosuch" not defined')


async def test_wiping_an_unknown_volume_is_refused_before_anything_stops(call: Callable[..., Any]) -> None:
    request = machine_pb2.ResetRequest(system_partitions_to_wipe=[{"label": "META", "wipe": True}])
    with pytest.raises(GRPCError, match="volume META cannot be wiped on a container node: it has STATE, EPHEMERAL"):
        await call("Reset", request, machine_pb2.ResetResponse, rbac.ADMIN)


async def test_a_handler_knows_the_person() -> None:
    alice = Identity("alice", ("os:admin",), "1f", "ab" * 32, "10.5.0.9:4711")
    call = rpc.Call(Any, "/x", frozenset(), {CALLER_KEY: alice.encode()})  # type: ignore[arg-type]
    assert call.caller == alice
    for nobody in ({}, {CALLER_KEY: "nonsense"}):
        assert rpc.Call(Any, "/x", frozenset(), nobody).caller == Identity()  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (machine_pb2.ResetRequest(user_disks_to_wipe=["vdb"]), "a container node has no disks"),
        (machine_pb2.ResetRequest(user_disks_to_wipe=["vdb"], mode=machine_pb2.ResetRequest.SYSTEM_DISK), "alone"),
        (machine_pb2.ResetRequest(mode=machine_pb2.ResetRequest.USER_DISKS), "--user-disks-to-wipe"),
        (
            machine_pb2.ResetRequest(
                mode=machine_pb2.ResetRequest.USER_DISKS,
                user_disks_to_wipe=["vdb"],
                system_partitions_to_wipe=[machine_pb2.ResetPartitionSpec(label="STATE", wipe=True)],
            ),
            "leaves the system alone",
        ),
    ],
)
async def test_a_reset_that_contradicts_itself_changes_nothing(
    make_node: NodeFactory, call_on: Callable[..., Any], request_: machine_pb2.ResetRequest, words: str
) -> None:
    node = make_node()
    call = await call_on(node)
    with pytest.raises(GRPCError, match=words) as caught:
        await call("Reset", request_, machine_pb2.ResetResponse, rbac.ADMIN)
    assert caught.value.status is Status.INVALID_ARGUMENT and "nothing was changed" in str(caught.value.message)
    assert node.sequencer.running == ""
