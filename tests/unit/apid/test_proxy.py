"""What a caller sees of apid: routing, roles, splicing, errors, streams."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator

import pytest
from grpclib.const import Cardinality, Status
from h2.settings import SettingCodes

from talos.api import common_pb2, machine_pb2, method_types
from talos.apid import exchange
from talos.client import ApiError
from talos.transport.identity import CALL_KEY, CALLER_KEY, FORWARDED_KEY, Identity
from talos.transport.link_server import LinkServer

from .conftest import Cluster, M


async def until(condition: object, seconds: float = 5) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # type: ignore[operator]  # noqa: ASYNC110
            await asyncio.sleep(0.005)


def who(metadata: dict[str, list[str]]) -> Identity:
    """Take the caller out of the metadata that machined saw."""
    (value,) = metadata.pop(CALLER_KEY)
    caller = Identity.decode(value)
    assert caller is not None
    (call,) = metadata.pop(CALL_KEY)
    assert re.fullmatch("[0-9a-f]{16}", call)
    return caller


async def test_local_call_hands_the_roles_to_machined(cluster: Cluster) -> None:
    async with cluster.client() as client:
        reply = await client.call(M + "Version")
    assert reply.messages[0].version.tag == "one"
    assert not reply.messages[0].HasField("metadata")
    ((path, metadata),) = cluster.first.backend.seen
    caller = who(metadata)
    assert (path, metadata) == (M + "Version", {"talos-role": ["os:admin"]})
    assert (caller.organizations, caller.peer.rpartition(":")[0]) == (("os:admin",), "127.0.0.1")


async def test_node_goes_to_the_other_apid_with_bytes_unchanged(cluster: Cluster) -> None:
    async with cluster.client() as client:
        reply = await client.call(M + "Version", node="127.0.0.2")
    assert reply.messages[0].version.tag == "two"
    assert not reply.messages[0].HasField("metadata")
    ((_, metadata),) = cluster.second.backend.seen
    assert who(metadata).organizations == ("os:admin",)
    between = Identity.decode(metadata.pop(FORWARDED_KEY)[0])
    assert between is not None and between.common_name == "one"
    assert metadata == {"talos-role": ["os:admin"]}


async def test_nodes_marks_each_answer(cluster: Cluster) -> None:
    async with cluster.client() as client:
        reply = await client.call(M + "Version", nodes=["127.0.0.2", "127.0.0.1"])
    assert [(m.metadata.hostname, m.version.tag) for m in reply.messages] == [
        ("127.0.0.2", "two"),
        ("127.0.0.1", "one"),
    ]


async def test_nodes_streams_are_marked_and_a_failed_node_is_a_message(cluster: Cluster) -> None:
    async with cluster.client() as client:
        chunks = [
            c
            async for c in client.stream(
                M + "Read", machine_pb2.ReadRequest(path="/3"), nodes=["127.0.0.1", "127.0.0.2"]
            )
        ]
        assert sorted((c.metadata.hostname, c.bytes[:3]) for c in chunks) == (
            [("127.0.0.1", b"one")] * 3 + [("127.0.0.2", b"two")] * 3
        )
        failed = [
            c
            async for c in client.stream(
                M + "Read", machine_pb2.ReadRequest(path="/nosuch"), nodes=["127.0.0.1", "127.0.0.2"]
            )
        ]
    assert [(c.metadata.status.code, c.metadata.status.message) for c in failed] == [
        (5, "stat /nosuch: no such file – really")
    ] * 2
    assert failed[0].metadata.error == "rpc error: code = NotFound desc = stat /nosuch: no such file – really"


async def test_nodes_with_an_unreachable_one_still_succeeds(cluster: Cluster) -> None:
    async with cluster.client() as client:
        reply = await client.call(M + "Version", nodes=["127.0.0.1", "127.0.0.9"])
    good, bad = reply.messages
    assert good.version.tag == "one"
    assert bad.metadata.hostname == "127.0.0.9"
    assert bad.metadata.status.code == Status.UNAVAILABLE.value


async def test_a_silent_node_does_not_take_the_others_answers_with_it(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exchange, "RESERVE_S", 18.0)  # a busy machine decides nothing
    monkeypatch.setattr(exchange, "RESERVE_SHARE", 0.9)

    async def silent(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _reader.read()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.9", int(cluster.first.endpoint.rpartition(":")[2]))
    async with server, cluster.client() as client:
        reply = await client.call(M + "Version", nodes=["127.0.0.1", "127.0.0.9"], timeout=20)
    good, bad = reply.messages
    assert good.version.tag == "one"
    assert (bad.metadata.hostname, bad.metadata.status.code) == ("127.0.0.9", Status.DEADLINE_EXCEEDED.value)


async def test_error_of_a_node_comes_back_as_it_is(cluster: Cluster) -> None:
    async with cluster.client() as client:
        for node in ("", "127.0.0.1", "127.0.0.2"):
            with pytest.raises(ApiError) as caught:
                async for _ in client.stream(M + "Read", machine_pb2.ReadRequest(path="/nosuch"), node=node):
                    pass
            assert (caught.value.status, caught.value.text) == (Status.NOT_FOUND, "stat /nosuch: no such file – really")


@pytest.mark.parametrize(
    ("node", "nodes", "path", "status"),
    [
        ("127.0.0.9", [], M + "Version", Status.UNAVAILABLE),
        ("127.0.0.2:50000", [], M + "Version", Status.INTERNAL),
        ("no.such.host.invalid", [], M + "Version", Status.UNAVAILABLE),
        ("", ["127.0.0.1", "127.0.0.2"], "/cosi.resource.State/Get", Status.INVALID_ARGUMENT),
        ("", [], "/machine.MachineService/ImagePull", Status.UNIMPLEMENTED),
    ],
)
async def test_status_of_what_cannot_be_done(
    cluster: Cluster, node: str, nodes: list[str], path: str, status: Status
) -> None:
    async with cluster.client() as client:
        with pytest.raises(ApiError) as caught:
            await client.call(path, node=node, nodes=nodes)
    assert caught.value.status is status, caught.value
    if node == "127.0.0.9":  # nobody listens there
        assert caught.value.text == "127.0.0.9: cannot connect: Connection refused"


async def test_worker_passes_nothing_on_but_serves_itself(cluster: Cluster) -> None:
    async with cluster.client(endpoint=cluster.second.endpoint) as client:
        assert (await client.call(M + "Version", node="127.0.0.2")).messages[0].version.tag == "two"
        assert (await client.call(M + "Version", nodes=["two"])).messages[0].metadata.hostname == "two"
        for kwargs in ({"node": "127.0.0.9"}, {"nodes": ["127.0.0.9"]}):
            with pytest.raises(ApiError) as caught:
                await client.call(M + "Version", **kwargs)  # type: ignore[arg-type]
            assert caught.value.status is Status.PERMISSION_DENIED


@pytest.mark.parametrize(
    ("roles", "path", "allowed"),
    [
        (("os:reader",), "Version", True),
        (("os:reader",), "Reboot", False),
        (("os:operator",), "Reboot", True),
        (("os:etcd:backup",), "Version", False),
        (("os:admin", "other"), "Reboot", True),
        (("other",), "Version", False),
        (("pytalos:apid",), "Version", False),
        ((), "Version", False),
    ],
)
async def test_roles_decide(cluster: Cluster, roles: tuple[str, ...], path: str, allowed: bool) -> None:
    async with cluster.client(cluster.ca.issue("x", roles)) as client:
        if allowed:
            await client.call(M + path)
        else:
            with pytest.raises(ApiError, match="not authorized") as caught:
                await client.call(M + path)
            assert caught.value.status is Status.PERMISSION_DENIED
            assert cluster.first.backend.seen == []


async def test_role_is_that_of_the_caller_not_of_the_apid_in_between(cluster: Cluster) -> None:
    async with cluster.client(cluster.ca.issue("x", ("os:reader",))) as client:
        await client.call(M + "Version", node="127.0.0.2")
        with pytest.raises(ApiError, match="not authorized"):
            await client.call(M + "Reboot", node="127.0.0.2")
    assert [m["talos-role"] for _, m in cluster.second.backend.seen] == [["os:reader"]]


@pytest.mark.parametrize("node", ["", "127.0.0.2"])
async def test_machined_learns_the_person_and_nobody_can_pretend(cluster: Cluster, node: str) -> None:
    pretended = Identity(common_name="mallory", organizations=("os:admin",)).encode()
    async with cluster.client(cluster.ca.issue("alice", ("os:reader",))) as client:
        endpoint = await client._pool.pick("")
        kinds = method_types(M + "Version")
        metadata = {CALLER_KEY: pretended, **({"node": node} if node else {})}
        async with endpoint.request(
            M + "Version", Cardinality.UNARY_UNARY, kinds.request, kinds.response, metadata=metadata
        ) as stream:
            await stream.send_message(kinds.request(), end=True)
            await stream.recv_message()
    ((_, metadata),) = (cluster.second if node else cluster.first).backend.seen
    caller = who(metadata)
    assert (caller.common_name, caller.organizations) == ("alice", ("os:reader",))
    assert len(caller.fingerprint) == 64


async def test_a_certificate_with_endless_names_is_refused(cluster: Cluster) -> None:
    async with cluster.client(cluster.ca.issue("x", tuple(f"{n:060}" for n in range(80)))) as client:
        with pytest.raises(ApiError):
            await client.call(M + "Version")
    assert cluster.first.backend.seen == []


async def test_claimed_roles_and_audit_path_are_not_for_callers(cluster: Cluster) -> None:
    async with cluster.client(cluster.ca.issue("x", ("os:reader",))) as client:
        endpoint = await client._pool.pick("")
        kinds = __import__("talos.api", fromlist=["method_types"]).method_types(M + "Reboot")
        from grpclib import GRPCError
        from grpclib.const import Cardinality

        for path, role in ((M + "Reboot", "os:admin"), ("/pytalos.audit.AuditService/Append", "pytalos:apid")):
            with pytest.raises(GRPCError, match="not authorized"):
                async with endpoint.request(
                    path,
                    Cardinality.UNARY_UNARY,
                    kinds.request,
                    kinds.response,
                    metadata={"talos-role": role, "proxyfrom": "x"},
                ) as stream:
                    await stream.send_message(kinds.request(), end=True)
                    await stream.recv_message()


async def test_a_client_without_a_header_table_is_told_that_there_is_none(cluster: Cluster) -> None:
    async with cluster.client() as client:
        await client.call(M + "Version")
        endpoint = await client._pool.pick("")
        connection = (await endpoint.__connect__()).connection
        connection._connection.update_settings({SettingCodes.HEADER_TABLE_SIZE: 0})
        connection.flush()
        for _ in range(3):
            assert (await client.call(M + "Version", timeout=5)).messages[0].version.tag == "one"
        with pytest.raises(ApiError, match="no such file"):
            async for _ in client.stream(M + "Read", machine_pb2.ReadRequest(path="/nosuch")):
                pass


async def test_a_text_longer_than_a_frame_arrives(cluster: Cluster) -> None:
    cluster.first.backend.text = "why " * 8000
    async with cluster.client() as client:
        with pytest.raises(ApiError) as caught:
            async for _ in client.stream(M + "Read", machine_pb2.ReadRequest(path="/long")):
                pass
    assert str(caught.value).count("why") == 8000


async def test_large_stream_arrives_whole(cluster: Cluster) -> None:
    async with cluster.client() as client:
        total = 0
        async for chunk in client.stream(M + "Read", machine_pb2.ReadRequest(path="/400"), node="127.0.0.2"):
            total += len(chunk.bytes)
    assert total == 400 * 24000


async def test_upload_arrives_whole(cluster: Cluster) -> None:
    async def chunks() -> AsyncIterator[common_pb2.Data]:
        for _ in range(40):
            yield common_pb2.Data(bytes=b"x" * 100_000)

    async with cluster.client() as client:
        reply = await client.upload(M + "EtcdRecover", chunks(), node="127.0.0.2")
    assert reply.messages[0].metadata.hostname == "4000000"


async def test_reader_that_does_not_read_stops_nobody_else(cluster: Cluster) -> None:
    async with cluster.client() as slow, cluster.client() as quick:
        stuck = slow.stream(M + "Read", machine_pb2.ReadRequest(path="/2000"))
        await anext(stuck)
        for _ in range(20):
            await quick.call(M + "Version", timeout=5)
        await stuck.aclose()  # type: ignore[attr-defined]


@pytest.mark.parametrize("node", ["", "127.0.0.2"])
async def test_cancelling_reaches_machined(cluster: Cluster, node: str) -> None:
    backend = (cluster.second if node else cluster.first).backend
    async with cluster.client() as client:
        lines = client.stream(M + "Logs", machine_pb2.LogsRequest(follow=True), node=node)
        assert (await anext(lines)).bytes
        await lines.aclose()  # type: ignore[attr-defined]
        async with asyncio.timeout(5):
            await backend.cancelled.wait()


async def test_headers_of_a_silent_stream_come_at_once(cluster: Cluster) -> None:
    async with cluster.client() as client:
        endpoint = await client._pool.pick("")
        from grpclib.const import Cardinality

        from talos import api

        kinds = api.method_types(M + "Logs")
        async with asyncio.timeout(5):
            async with endpoint.request(M + "Logs", Cardinality.UNARY_STREAM, kinds.request, kinds.response) as stream:
                await stream.send_message(machine_pb2.LogsRequest(id="silent", follow=True), end=True)
                await stream.recv_initial_metadata()
                await stream.cancel()


async def test_more_streams_than_one_connection_takes(cluster: Cluster) -> None:
    async with cluster.client() as a, cluster.client() as b:
        held = [c.stream(M + "Logs", machine_pb2.LogsRequest(follow=True)) for c in (a, b) for _ in range(75)]
        async with asyncio.timeout(20):
            await asyncio.gather(*(anext(s) for s in held))
            assert (await a.call(M + "Version")).messages
        for stream in held:
            await stream.aclose()  # type: ignore[attr-defined]


async def test_deadline_ends_the_call(cluster: Cluster) -> None:
    async with cluster.client() as client:
        lines = client.stream(M + "Logs", machine_pb2.LogsRequest(follow=True), node="127.0.0.2", timeout=0.2)
        with pytest.raises(ApiError) as caught:
            async for _ in lines:
                pass
    assert caught.value.status is Status.DEADLINE_EXCEEDED


async def test_dead_machined_is_an_error_at_once_and_its_return_is_noticed(cluster: Cluster) -> None:
    node = cluster.first
    async with cluster.client() as client:
        lines = client.stream(M + "Logs", machine_pb2.LogsRequest(follow=True))
        await anext(lines)
        node.server.close()
        node.backend.die()
        await node.server.wait_closed()
        with pytest.raises(ApiError) as caught:
            async with asyncio.timeout(5):
                await anext(lines)
        assert caught.value.status in (Status.UNAVAILABLE, Status.CANCELLED)
        with pytest.raises(ApiError) as caught:
            async with asyncio.timeout(5):
                await client.call(M + "Version")
        assert caught.value.status is Status.UNAVAILABLE
        node.server = LinkServer(node.backend.__mapping__())
        await node.server.start(path=node.socket)
        assert (await client.call(M + "Version")).messages[0].version.tag == "one"


async def test_audit_says_who_did_what_where(cluster: Cluster) -> None:
    pair = cluster.ca.issue("alice", ("os:operator",))
    async with cluster.client(pair) as client:
        await client.call(M + "Reboot", node="127.0.0.2")
        with pytest.raises(ApiError):
            await client.call("/machine.MachineService/Kubeconfig")
    await until(lambda: len(cluster.first.backend.audit) == 2 and len(cluster.second.backend.audit) == 1)
    here, denied = cluster.first.backend.audit
    (there,) = cluster.second.backend.audit
    for record in (here, there):
        assert record.method == M + "Reboot"
        assert record.caller.common_name == "alice"
        assert list(record.caller.organizations) == ["os:operator"]
        assert len(record.caller.fingerprint) == 64
        assert list(record.roles) == ["os:operator"]
        assert record.peer.startswith("127.0.0.1:")
        assert record.code == 0
    assert list(here.nodes) == ["127.0.0.2"]
    assert not here.HasField("forwarded_by")
    assert there.forwarded_by.common_name == "one"
    assert here.caller.fingerprint == there.caller.fingerprint
    assert denied.code == Status.PERMISSION_DENIED.value
    assert denied.message == "not authorized: Kubeconfig needs os:admin; the caller has os:operator"
