"""Records of calls over the node's real socket: who, what, how it ended; and what a hostile request does to them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.empty_pb2 import Empty
from grpclib import GRPCError, Status
from grpclib.client import Channel, UnaryStreamMethod, UnaryUnaryMethod
from grpclib.server import Server

from talos import rbac
from talos.api import common_pb2, machine_pb2
from talos.api import pytalos_audit_pb2 as pb
from talos.audit.chain import unseal
from talos.machined import rpc
from talos.machined.node import Node
from talos.transport.identity import CALL_KEY, CALLER_KEY, FORWARDED_KEY, Identity

M = "/machine.MachineService/"
AUDIT = "/pytalos.audit.AuditService/"
ALICE = Identity("alice", ("os:admin",), "1f", "ab" * 32, "10.0.0.9:40000")
rpc.load_handlers()


@dataclass
class Api:
    node: Node
    channel: Channel

    async def call(self, path: str, request: Any, response: type[Any], role: str = rbac.ADMIN, **metadata: str) -> Any:
        sent = {rpc.ROLE_KEY: role, CALLER_KEY: ALICE.encode()}
        sent |= {key.replace("_", "-"): value for key, value in metadata.items()}
        return await UnaryUnaryMethod(self.channel, path, type(request), response)(request, metadata=sent)

    async def stream(
        self, path: str, request: Any, response: type[Any], role: str = rbac.ADMIN, limit_s: float | None = None
    ) -> list[Any]:
        method = UnaryStreamMethod(self.channel, path, type(request), response)
        return await method(request, metadata={rpc.ROLE_KEY: role, CALLER_KEY: ALICE.encode()}, timeout=limit_s)

    async def read(self, **fields: Any) -> list[dict[str, Any]]:
        answers = await self.stream(AUDIT + "Read", pb.ReadRequest(**fields), pb.ReadResponse, limit_s=30)
        return [json.loads(line) for answer in answers for line in answer.lines]

    @property
    def records(self) -> list[dict[str, Any]]:
        lines = (self.node.audit.folder / "api.log").read_bytes().splitlines()
        return [record for record in map(json.loads, lines) if record["event"] in ("call", "started")]


@pytest.fixture
async def api(make_node: Callable[..., Node], tmp_path: Path) -> AsyncIterator[Api]:
    node = make_node()
    server = Server([rpc.MachineApi(node, rbac.allowed)])
    await server.start(path=str(tmp_path / "machine.sock"))
    channel = Channel(path=str(tmp_path / "machine.sock"))
    yield Api(node, channel)
    channel.close()
    server.close()
    await server.wait_closed()


async def test_a_call_leaves_one_record_before_its_answer(api: Api) -> None:
    await api.call(M + "Version", Empty(), machine_pb2.VersionResponse)
    (record,) = api.records
    assert (record["event"], record["method"], record["code"]) == ("call", M + "Version", "OK")
    assert record["caller"] == {"name": "alice", "serial": "1f", "fingerprint": "ab" * 32}
    assert (record["peer"], record["roles"]) == ("10.0.0.9:40000", ["os:admin"])
    assert record["node"] and record["time"].endswith("Z") and 0 < record["ms"] < 5000


async def test_what_changes_the_node_is_noted_before_it_is_carried_out(api: Api) -> None:
    with pytest.raises(GRPCError):
        await api.call(
            M + "ServiceRestart", machine_pb2.ServiceRestartRequest(id="nosuch"), machine_pb2.ServiceRestartResponse
        )
    before, after = api.records
    assert (before["event"], before["request"]) == ("started", {"id": "nosuch"})
    assert (after["event"], after["code"], after["message"]) == ("call", "UNKNOWN", 'service "nosuch" not defined')


async def test_a_refused_call_is_in_the_log(api: Api) -> None:
    with pytest.raises(GRPCError):
        await api.call(M + "Reset", machine_pb2.ResetRequest(), machine_pb2.ResetResponse, rbac.READER)
    (record,) = api.records
    assert (record["code"], record["message"]) == ("PERMISSION_DENIED", "not authorized")


async def test_the_node_in_between_is_named(api: Api) -> None:
    between = Identity("cp-1", ("os:impersonator",), "2", "cd" * 32, "10.0.0.2:1")
    await api.call(M + "Version", Empty(), machine_pb2.VersionResponse, **{FORWARDED_KEY: between.encode()})
    assert api.records[0]["forwarded_by"]["name"] == "cp-1"
    assert api.records[0]["caller"]["name"] == "alice"


async def test_a_configuration_is_never_in_the_log(api: Api) -> None:
    secret = b"machine: {token: abcdef.0123456789abcdef}"
    request = machine_pb2.ApplyConfigurationRequest(data=secret, mode=machine_pb2.ApplyConfigurationRequest.NO_REBOOT)
    with pytest.raises(GRPCError):
        await api.call(M + "ApplyConfiguration", request, machine_pb2.ApplyConfigurationResponse)
    assert api.records[0]["request"] == {"data": f"{len(secret)} bytes", "mode": "NO_REBOOT"}
    assert b"abcdef" not in (api.node.audit.folder / "api.log").read_bytes()


@pytest.mark.parametrize(
    "text", ["\n{}", 'x","seq":9,"hash":"' + "0" * 64 + '"}\n', "\x1b[2J", "\u2028", "é" * 300, "A" * 4000, "\0"]
)
async def test_a_hostile_request_is_one_line_of_bounded_length(api: Api, text: str) -> None:
    caller = Identity(text, (), text, text, text)
    with pytest.raises(GRPCError):
        await api.call(
            M + "ServiceStop",
            machine_pb2.ServiceStopRequest(id=text),
            machine_pb2.ServiceStopResponse,
            **{CALLER_KEY: caller.encode(), CALL_KEY: "x" * 3000, FORWARDED_KEY: "%%%"},
        )
    lines = (api.node.audit.folder / "api.log").read_bytes().splitlines()
    assert len(lines) == 3  # begun, started, call
    for line in lines:
        assert len(line) < 16000
        assert unseal(line)
        assert line.isascii() and b"\x1b" not in line


@pytest.mark.parametrize("value", ["!!!", "bm90IGpzb24=", "W10=", "e30=", "A" * 9000])
async def test_an_unreadable_identity_is_nobody(api: Api, value: str) -> None:
    await api.call(M + "Version", Empty(), machine_pb2.VersionResponse, **{CALLER_KEY: value})
    assert api.records[0]["caller"]["name"] == ""


async def test_a_stream_that_lasts_is_noted_while_it_lasts(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    from talos.machined.audit import calls

    monkeypatch.setattr(calls, "LASTING_S", 0.01)
    request = machine_pb2.EventsRequest(tail_events=0)
    log = api.node.audit.folder / "api.log"
    async with asyncio.timeout(60):
        call = asyncio.create_task(api.stream(M + "Events", request, machine_pb2.Event, limit_s=60))
        while not log.exists() or not api.records:  # noqa: ASYNC110 - a file
            await asyncio.sleep(0.01)
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)
        while len(api.records) < 2:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert [record["event"] for record in api.records] == ["started", "call"]
    assert api.records[1]["code"] in ("DEADLINE_EXCEEDED", "CANCELLED")


def handed(method: str = "Reboot", **more: Any) -> pb.AppendRequest:
    caller = pb.Identity(common_name="bob", serial="9", fingerprint="ef" * 32)
    return pb.AppendRequest(records=[pb.Record(method=M + method, caller=caller, call="0" * 16, **more)])


async def test_records_of_apid_are_in_the_chain_once(api: Api) -> None:
    own: Mapping[str, str] = {CALL_KEY: "0" * 16}
    await api.call(M + "Version", Empty(), machine_pb2.VersionResponse, **own)
    await api.call(AUDIT + "Append", handed(perhaps_recorded=True, code=1), Empty, rbac.APID)
    assert [record["caller"]["name"] for record in api.records] == ["alice"]
    await api.call(AUDIT + "Append", handed(nodes=["10.0.0.3"], code=0), Empty, rbac.APID)
    assert api.records[1]["nodes"] == ["10.0.0.3"] and api.records[1]["caller"]["name"] == "bob"


@pytest.mark.parametrize("role", [rbac.READER, rbac.ETCD_BACKUP, rbac.META_WRITER, rbac.IMPERSONATOR])
async def test_the_log_is_for_administrators_and_operators(api: Api, role: str) -> None:
    with pytest.raises(GRPCError) as caught:
        await api.stream(AUDIT + "Read", pb.ReadRequest(), pb.ReadResponse, role)
    assert caught.value.status is Status.PERMISSION_DENIED
    assert await api.stream(AUDIT + "Read", pb.ReadRequest(), pb.ReadResponse, rbac.OPERATOR)
    with pytest.raises(GRPCError):  # nobody but apid writes it
        await api.call(AUDIT + "Append", handed(), Empty, rbac.ADMIN)


async def test_the_log_is_read_by_person_method_and_outcome(api: Api) -> None:
    await api.call(M + "Version", Empty(), machine_pb2.VersionResponse)
    await api.call(AUDIT + "Append", handed(code=7), Empty, rbac.APID)
    assert {r["caller"]["name"] for r in await api.read(names=["a*"])} == {"alice"}
    assert [r["caller"]["name"] for r in await api.read(methods=["Reboot"])] == ["bob"]
    assert [r["method"] for r in await api.read(methods=["MachineService/V*"])] == [M + "Version"]
    assert [r["code"] for r in await api.read(failed=True)] == ["PERMISSION_DENIED"]
    assert [r["method"] for r in await api.read(names=["bob"], tail=1)] == [M + "Reboot"]
    with pytest.raises(GRPCError) as caught:
        await api.read(since={"seconds": 1 << 60})
    assert caught.value.status is Status.INVALID_ARGUMENT


async def test_followers_get_what_is_written_from_then_on_once(api: Api) -> None:
    await api.call(M + "Version", Empty(), machine_pb2.VersionResponse)
    method = UnaryStreamMethod(api.channel, AUDIT + "Read", pb.ReadRequest, pb.ReadResponse)
    seen: list[int] = []
    async with method.open(metadata={rpc.ROLE_KEY: rbac.ADMIN}) as stream, asyncio.timeout(30):
        await stream.send_message(pb.ReadRequest(follow=True, tail=1), end=True)
        while len(seen) < 4:  # the start of this reading, three calls
            answer = await stream.recv_message()
            assert answer is not None
            seen += [unseal(line).head.seq for line in answer.lines]
            if len(seen) in (1, 2, 3):
                await api.call(M + "Hostname", Empty(), machine_pb2.HostnameResponse)
        await stream.cancel()
    assert seen == list(range(seen[0], seen[0] + len(seen)))
    assert common_pb2.DESCRIPTOR
