"""cosi.resource.State on the API, through grpclib: answers and refusals are those of a genuine node."""

from __future__ import annotations

import asyncio
import datetime
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from grpclib import GRPCError, Status
from grpclib.const import Cardinality
from grpclib.testing import ChannelFor

import talos.machined.api.inspect
import talos.machined.api.state
import talos.resources  # noqa: F401
from talos import rbac
from talos.api import cosi_resource_pb2 as pb
from talos.api import method_types
from talos.machined.access import NodeAccess
from talos.machined.audit.calls import CallAudit
from talos.machined.audit.log import AuditLog
from talos.machined.rpc import MachineApi
from talos.machined.state_socket import FullAccess
from talos.resources.network import HostnameStatusSpec
from talos.resources.secrets import OSRootSpec
from talos.resources.v1alpha1 import ServiceSpec
from talos.state import BookmarkError, InMemoryState, Resource, WatchOverflowError
from talos.state.history import KEPT
from talos.state.server import StateServer
from talos.state.wire import JsonCodec

TYPE = "Services.v1alpha1.talos.dev"
CREATED = datetime.datetime(2026, 11, 22, 23, 17, 16, 842389, tzinfo=datetime.UTC)


class StandingClock:
    """A clock that shows CREATED."""

    def now(self) -> datetime.datetime:
        return CREATED


class Api:
    """A client of the API in one role."""

    def __init__(self, channel: Any) -> None:
        self._channel = channel
        self.roles = rbac.ADMIN

    def open(self, method: str) -> Any:
        types = method_types(method)
        cardinality = Cardinality.UNARY_STREAM if types.server_streaming else Cardinality.UNARY_UNARY
        metadata = {"talos-role": self.roles}
        return self._channel.request(method, cardinality, types.request, types.response, metadata=metadata)

    async def call(self, name: str, request: Any, service: str = "cosi.resource.State") -> list[Any]:
        """All messages of the answer."""
        async with self.open(f"/{service}/{name}") as stream:
            await stream.send_message(request, end=True)
            return [message async for message in stream]


@pytest.fixture
def state() -> InMemoryState:
    """The node's store."""
    return InMemoryState(StandingClock())  # type: ignore[arg-type]


@pytest.fixture
async def api(state: InMemoryState, tmp_path: Path) -> AsyncIterator[Api]:
    """The API of a node with this store; every role is let through to the handlers."""
    audited = CallAudit(AuditLog(tmp_path / "audit", tmp_path / "head.json"))
    node: Any = SimpleNamespace(state=state, in_maintenance=False, audited=audited)
    node.access = NodeAccess(node)
    node.config = SimpleNamespace(current=None)
    async with ChannelFor([MachineApi(node, lambda method, roles, maintenance: True)]) as channel:
        yield Api(channel)


async def refusal(api: Api, name: str, request: Any) -> tuple[Status, str | None]:
    with pytest.raises(GRPCError) as caught:
        await api.call(name, request)
    return caught.value.status, caught.value.message


async def store(state: InMemoryState, *ids: str) -> None:
    for id in ids:
        await state.create(
            Resource.new(ServiceSpec, id, ServiceSpec(running=True, healthy=True)), owner="v1alpha1.ServiceController"
        )


async def test_get_answers_what_a_genuine_node_does(api: Api, state: InMemoryState) -> None:
    await store(state, "kubelet")
    (answer,) = await api.call("Get", pb.GetRequest(namespace="runtime", type=TYPE, id="kubelet"))
    md = answer.resource.metadata
    assert (md.namespace, md.type, md.id, md.version) == ("runtime", TYPE, "kubelet", "1")
    assert (md.owner, md.phase) == ("v1alpha1.ServiceController", "running")
    assert md.created.ToDatetime(tzinfo=datetime.UTC) == md.updated.ToDatetime(tzinfo=datetime.UTC) == CREATED
    assert answer.resource.spec.proto_spec.hex() == "08011001"
    assert answer.resource.spec.yaml_spec == "running: true\nhealthy: true\nunknown: false\n"


async def test_refusals_have_the_recorded_status_and_text(api: Api, state: InMemoryState) -> None:
    await store(state, "kubelet")
    assert await refusal(api, "Get", pb.GetRequest(namespace="runtime", type=TYPE, id="nosuch")) == (
        Status.NOT_FOUND, "resource Services.v1alpha1.talos.dev(runtime/nosuch@undefined) doesn't exist",
    )  # fmt: skip
    unsupported = (Status.PERMISSION_DENIED, 'resource type "Nosuch.talos.dev" is not supported')
    assert await refusal(api, "Get", pb.GetRequest(namespace="runtime", type="Nosuch.talos.dev", id="x")) == unsupported
    assert await refusal(api, "List", pb.ListRequest(namespace="runtime", type="Nosuch.talos.dev")) == unsupported
    assert await refusal(api, "List", pb.ListRequest(namespace="nosuch", type=TYPE)) == (
        Status.PERMISSION_DENIED, 'namespace "nosuch" is not supported',
    )  # fmt: skip
    assert await refusal(api, "Create", pb.CreateRequest()) == (Status.UNKNOWN, "metadata is missing")
    assert await refusal(api, "Update", pb.UpdateRequest()) == (Status.UNKNOWN, "metadata is missing")


async def test_every_write_is_refused_and_changes_nothing(api: Api, state: InMemoryState) -> None:
    await store(state, "kubelet")
    metadata = pb.Metadata(namespace="runtime", type=TYPE, id="kubelet", version="1", phase="running")
    resource = pb.Resource(metadata=metadata, spec=pb.Spec(yaml_spec="running: false\n"))
    owner = "v1alpha1.ServiceController"
    writes = {
        "Create": pb.CreateRequest(resource=resource, options=pb.CreateOptions(owner=owner)),
        "Update": pb.UpdateRequest(new_resource=resource, options=pb.UpdateOptions(owner=owner)),
        "Destroy": pb.DestroyRequest(
            namespace="runtime", type=TYPE, id="kubelet", options=pb.DestroyOptions(owner=owner)
        ),
        "Teardown": pb.TeardownRequest(
            namespace="runtime", type=TYPE, id="kubelet", options=pb.TeardownOptions(owner=owner)
        ),
        "TeardownAndDestroy": pb.TeardownAndDestroyRequest(
            namespace="runtime", type=TYPE, id="kubelet", options=pb.TeardownAndDestroyOptions(owner=owner)
        ),
    }
    for name, request in writes.items():
        assert await refusal(api, name, request) == (Status.PERMISSION_DENIED, "write access is not allowed"), name
    assert (await state.get(ServiceSpec, "kubelet")).md.version == 1


async def test_sensitive_types_need_the_administrator(api: Api, state: InMemoryState) -> None:
    await state.create(Resource.new(OSRootSpec, "os", OSRootSpec(token="secret")))
    request = pb.ListRequest(namespace="secrets", type="OSRootSecrets.secrets.talos.dev")
    (answer,) = await api.call("List", request)
    assert "token: secret" in answer.resource.spec.yaml_spec
    api.roles = f"{rbac.READER},{rbac.OPERATOR}"
    text = "not authorized: OSRootSecrets.secrets.talos.dev needs os:admin; the caller has os:operator, os:reader"
    assert await refusal(api, "List", request) == (Status.PERMISSION_DENIED, text)
    watch = pb.WatchRequest(namespace="secrets", type="OSRootSecrets.secrets.talos.dev", api_version=1)
    assert await refusal(api, "Watch", watch) == (Status.PERMISSION_DENIED, text)
    assert await api.call("List", pb.ListRequest(namespace="runtime", type=TYPE)) == []


async def test_list_by_label_and_by_id(api: Api, state: InMemoryState) -> None:
    await store(state, "kubelet", "apid", "etcd")
    await state.modify(
        ServiceSpec, "apid", lambda s: None, owner="v1alpha1.ServiceController", labels={"zone": "a", "size": "3"}
    )

    async def listed(**options: Any) -> list[str]:
        request = pb.ListRequest(namespace="runtime", type=TYPE, options=pb.ListOptions(**options))
        return [answer.resource.metadata.id for answer in await api.call("List", request)]

    def term(op: int, *values: str, key: str = "zone", invert: bool = False) -> dict[str, Any]:
        query = pb.LabelQuery(terms=[pb.LabelTerm(key=key, op=op, value=values, invert=invert)])  # type: ignore[arg-type]
        return {"label_query": [query]}

    assert await listed() == ["apid", "etcd", "kubelet"]
    assert await listed(**term(pb.LabelTerm.EQUAL, "a")) == ["apid"]
    assert await listed(**term(pb.LabelTerm.EQUAL, "a", invert=True)) == ["etcd", "kubelet"]
    assert await listed(**term(pb.LabelTerm.NOT_EXISTS)) == ["etcd", "kubelet"]
    assert await listed(**term(pb.LabelTerm.LT_NUMERIC, "10", key="size")) == ["apid"]
    assert await listed(**term(pb.LabelTerm.LTE_NUMERIC, "2", key="size")) == []
    assert await listed(id_query=pb.IDQuery(regexp="^(etcd|kube)")) == ["etcd", "kubelet"]
    with pytest.raises(GRPCError, match="id query"):
        await listed(id_query=pb.IDQuery(regexp="("))
    # each of these would keep Python's matching, and so the node, busy for hours
    for endless in ("(e+)+$", "(e|e)*$", "e?" * 40 + "e" * 40 + "x", "(e|e)" * 40 + "x", ".*.*.*.*x", "((e{9}){9}){9}"):
        with pytest.raises(GRPCError, match="use a simpler expression"):
            await listed(id_query=pb.IDQuery(regexp=endless))


async def test_watch_of_a_kind_stands_bootstraps_and_follows(api: Api, state: InMemoryState) -> None:
    await store(state, "apid")
    request = pb.WatchRequest(
        namespace="runtime", type=TYPE, api_version=1, options=pb.WatchOptions(bootstrap_contents=True)
    )
    async with api.open("/cosi.resource.State/Watch") as stream:
        await stream.send_message(request, end=True)
        assert (await stream.recv_message()).ByteSize() == 0
        events = [(await stream.recv_message()).event[0] for _ in range(2)]
        assert [event.event_type for event in events] == [pb.EventType.CREATED, pb.EventType.BOOTSTRAPPED]
        await state.modify(
            ServiceSpec, "apid", lambda s: setattr(s, "healthy", False), owner="v1alpha1.ServiceController"
        )
        (event,) = (await stream.recv_message()).event
        assert (event.event_type, event.old.metadata.version) == (pb.EventType.UPDATED, "1")
        assert "healthy: false" in event.resource.spec.yaml_spec and "healthy: true" in event.old.spec.yaml_spec
        await stream.cancel()


async def test_old_clients_get_no_bootstrapped_event(api: Api, state: InMemoryState) -> None:
    await store(state, "apid")
    request = pb.WatchRequest(namespace="runtime", type=TYPE, options=pb.WatchOptions(bootstrap_contents=True))
    async with api.open("/cosi.resource.State/Watch") as stream:
        await stream.send_message(request, end=True)
        assert (await stream.recv_message()).ByteSize() == 0
        assert (await stream.recv_message()).event[0].resource.metadata.id == "apid"
        await store(state, "etcd")
        assert (await stream.recv_message()).event[0].resource.metadata.id == "etcd"
        await stream.cancel()


async def test_watch_of_an_absent_id_is_destroyed_with_metadata_only(api: Api, state: InMemoryState) -> None:
    request = pb.WatchRequest(namespace="runtime", type=TYPE, id="nosuch", api_version=1)
    async with api.open("/cosi.resource.State/Watch") as stream:
        await stream.send_message(request, end=True)
        assert (await stream.recv_message()).ByteSize() == 0
        (event,) = (await stream.recv_message()).event
        assert (event.event_type, event.resource.metadata.version) == (pb.EventType.DESTROYED, "undefined")
        assert not event.resource.HasField("spec")
        await stream.cancel()
    request.options.bootstrap_contents = True
    assert (await refusal(api, "Watch", request))[0] is Status.UNIMPLEMENTED


async def test_aggregated_watch_packs_what_is_there_into_one_message(api: Api, state: InMemoryState) -> None:
    await store(state, *"abcde")
    request = pb.WatchRequest(
        namespace="runtime",
        type=TYPE,
        api_version=1,
        options=pb.WatchOptions(bootstrap_contents=True, aggregated=True),
    )
    async with api.open("/cosi.resource.State/Watch") as stream:
        await stream.send_message(request, end=True)
        await stream.recv_message()
        first = await stream.recv_message()
        assert [event.resource.metadata.id for event in first.event] == [*"abcde", ""]
        await stream.cancel()


async def change(state: InMemoryState, id: str, healthy: bool) -> None:
    await state.modify(ServiceSpec, id, lambda s: setattr(s, "healthy", healthy), owner="v1alpha1.ServiceController")


async def events_of(api: Api, count: int, **request: Any) -> list[pb.Event]:
    """The first events of a watch on services, taken from as many messages as they come in."""
    found: list[pb.Event] = []
    async with asyncio.timeout(5), api.open("/cosi.resource.State/Watch") as stream:
        wanted = pb.WatchRequest(namespace="runtime", type=TYPE, **{"api_version": 1, **request})
        await stream.send_message(wanted, end=True)
        assert (await stream.recv_message()).ByteSize() == 0
        while len(found) < count:
            found.extend((await stream.recv_message()).event)
        await stream.cancel()
    return found


def seen(events: list[pb.Event]) -> list[tuple[str, str, str]]:
    return [(pb.EventType.Name(e.event_type), e.resource.metadata.id, e.resource.metadata.version) for e in events]


async def test_a_watch_goes_on_after_its_bookmark(api: Api, state: InMemoryState) -> None:
    await store(state, "apid", "etcd")
    whole = pb.WatchOptions(bootstrap_contents=True)
    first = await events_of(api, 3, options=whole)
    assert [e.HasField("bookmark") for e in first] == [False, False, True]  # contents are one state, not three
    await change(state, "apid", False)
    await change(state, "etcd", False)
    await state.destroy(ServiceSpec, "etcd", owner="v1alpha1.ServiceController")
    options = pb.WatchOptions(start_from_bookmark=first[-1].bookmark)
    missed = await events_of(api, 3, options=options)
    assert seen(missed) == [("UPDATED", "apid", "2"), ("UPDATED", "etcd", "2"), ("DESTROYED", "etcd", "2")]
    assert missed[0].old.metadata.version == "1"
    options = pb.WatchOptions(start_from_bookmark=missed[1].bookmark)
    assert seen(await events_of(api, 1, options=options)) == [("DESTROYED", "etcd", "2")]
    options = pb.WatchOptions(start_from_bookmark=missed[0].bookmark)
    assert seen(await events_of(api, 2, id="etcd", options=options)) == [
        ("UPDATED", "etcd", "2"), ("DESTROYED", "etcd", "2"),
    ]  # fmt: skip
    # what happens while nobody watches and what happens afterwards come without a gap and without the current contents
    options = pb.WatchOptions(start_from_bookmark=missed[2].bookmark)
    later = asyncio.create_task(events_of(api, 1, options=options))
    while not state.listeners:  # noqa: ASYNC110
        await asyncio.sleep(0)
    await change(state, "apid", True)
    assert seen(await later) == [("UPDATED", "apid", "3")]


async def test_a_first_event_of_one_id_has_a_bookmark_too(api: Api, state: InMemoryState) -> None:
    await store(state, "apid")
    for id, what in (("apid", "CREATED"), ("nosuch", "DESTROYED")):
        (event,) = await events_of(api, 1, id=id)
        assert (pb.EventType.Name(event.event_type), event.HasField("bookmark")) == (what, True)


@pytest.mark.parametrize("bookmark", [b"", b"x", b"\0" * 24, b"\xff" * 200])
async def test_a_bookmark_of_nobody_is_refused(api: Api, state: InMemoryState, bookmark: bytes) -> None:
    options = pb.WatchOptions(start_from_bookmark=bookmark)
    for id in (None, "apid"):
        request = pb.WatchRequest(namespace="runtime", type=TYPE, id=id, api_version=1, options=options)
        status, text = await refusal(api, "Watch", request)
        assert status is Status.FAILED_PRECONDITION and "invalid watch bookmark" in str(text)


async def test_a_bookmark_too_old_or_of_another_process_is_refused(api: Api, state: InMemoryState) -> None:
    await store(state, "apid")
    (first,) = await events_of(api, 1, id="apid")
    for turn in range(KEPT):
        await change(state, "apid", bool(turn % 2))
    options = pb.WatchOptions(start_from_bookmark=first.bookmark)
    assert len(await events_of(api, KEPT, options=options)) == KEPT
    await change(state, "apid", bool(KEPT % 2))
    request = pb.WatchRequest(namespace="runtime", type=TYPE, api_version=1, options=options)
    assert (await refusal(api, "Watch", request))[0] is Status.FAILED_PRECONDITION
    other = InMemoryState()
    await store(other, "apid")
    with pytest.raises(BookmarkError):
        other.watch(ServiceSpec, after=first.bookmark)


async def test_tail_events_are_the_last_changes_and_not_the_contents(api: Api, state: InMemoryState) -> None:
    await store(state, "apid", "etcd")
    await change(state, "apid", False)
    await change(state, "etcd", False)
    tail = [("UPDATED", "apid", "2"), ("UPDATED", "etcd", "2")]
    assert seen(await events_of(api, 2, options=pb.WatchOptions(tail_events=2))) == tail
    everything = [("CREATED", "apid", "1"), ("CREATED", "etcd", "1"), *tail]
    assert seen(await events_of(api, 4, options=pb.WatchOptions(tail_events=1000))) == everything
    assert seen(await events_of(api, 1, id="apid", options=pb.WatchOptions(tail_events=1))) == tail[:1]
    both = pb.WatchOptions(tail_events=1, bootstrap_contents=True)
    request = pb.WatchRequest(namespace="runtime", type=TYPE, api_version=1, options=both)
    assert (await refusal(api, "Watch", request))[0] is Status.INVALID_ARGUMENT


async def test_a_noop_event_carries_the_bookmark_that_was_asked_for(api: Api, state: InMemoryState) -> None:
    await store(state, "apid")
    (event,) = await events_of(api, 1, options=pb.WatchOptions(bootstrap_bookmark=True))
    assert (event.event_type, event.HasField("resource")) == (pb.EventType.NOOP, False)
    await change(state, "apid", False)
    options = pb.WatchOptions(start_from_bookmark=event.bookmark)
    assert seen(await events_of(api, 1, options=options)) == [("UPDATED", "apid", "2")]
    for option in ({"bootstrap_bookmark": True}, {"bootstrap_contents": True}, {"id_query": pb.IDQuery(regexp="a")}):
        request = pb.WatchRequest(namespace="runtime", type=TYPE, id="apid", options=pb.WatchOptions(**option))
        assert (await refusal(api, "Watch", request))[0] is Status.UNIMPLEMENTED


async def test_a_label_query_decides_what_a_watch_shows(api: Api, state: InMemoryState) -> None:
    """Terms of a query are and-ed, queries or-ed; a change of labels enters and leaves the selection."""

    async def label(id: str, **labels: str) -> None:
        await state.modify(ServiceSpec, id, lambda s: None, owner="v1alpha1.ServiceController", labels=labels)

    def query(**terms: str) -> pb.LabelQuery:
        return pb.LabelQuery(
            terms=[pb.LabelTerm(key=key, op=pb.LabelTerm.EQUAL, value=[value]) for key, value in terms.items()]
        )

    await store(state, "apid", "etcd", "kubelet")
    await label("apid", zone="a", size="1")
    await label("etcd", zone="a", size="2")
    await label("kubelet", zone="b")
    options = pb.WatchOptions(bootstrap_contents=True, label_query=[query(zone="a", size="2"), query(zone="b")])
    watching = asyncio.create_task(events_of(api, 5, options=options))
    while not state.listeners:  # noqa: ASYNC110
        await asyncio.sleep(0)
    await label("apid", zone="b")
    await label("kubelet", zone="a")
    assert seen(await watching) == [
        ("CREATED", "etcd", "2"), ("CREATED", "kubelet", "2"), ("BOOTSTRAPPED", "", ""),
        ("CREATED", "apid", "3"), ("DESTROYED", "kubelet", "2"),
    ]  # fmt: skip


@pytest.mark.parametrize("modern", [True, False])
async def test_a_reader_too_slow_is_told_so(state: InMemoryState, modern: bool) -> None:
    """ERRORED for whoever knows it, the status for an older client."""
    small = InMemoryState(buffer=2)
    server = StateServer(small, JsonCodec())
    request = pb.WatchRequest(namespace="runtime", type=TYPE, api_version=int(modern))
    responses = server.watch(request, FullAccess())
    await anext(responses)
    await store(small, *"abcd")
    assert [(await anext(responses)).event[0].resource.metadata.id for _ in range(2)] == ["a", "b"]
    if modern:
        (event,) = (await anext(responses)).event
        assert event.event_type == pb.EventType.ERRORED and "watch again" in event.error
    else:
        with pytest.raises(WatchOverflowError):
            await anext(responses)


async def test_reset_watch_leaves_no_listener(api: Api, state: InMemoryState) -> None:
    async with api.open("/cosi.resource.State/Watch") as stream:
        await stream.send_message(pb.WatchRequest(namespace="runtime", type=TYPE, api_version=1), end=True)
        await stream.recv_message()
        assert state.listeners == 1
        await stream.cancel()
    for _ in range(100):
        await asyncio.sleep(0)
    assert state.listeners == 0


async def test_types_and_namespaces_describe_themselves(api: Api) -> None:
    api.roles = rbac.READER
    request = pb.ListRequest(namespace="meta", type="ResourceDefinitions.meta.cosi.dev")
    found = {a.resource.metadata.id: a.resource for a in await api.call("List", request)}
    assert len([id for id in found if id.endswith(("talos.dev", "cosi.dev")) and ".test." not in id]) >= 199
    services = found["services.v1alpha1.talos.dev"]
    assert services.metadata.owner == "meta"
    assert services.spec.yaml_spec.startswith("type: Services.v1alpha1.talos.dev\ndisplayType: Service\n")
    spaces = await api.call("List", pb.ListRequest(namespace="meta", type="Namespaces.meta.cosi.dev"))
    assert "network-config" in [a.resource.metadata.id for a in spaces]


async def test_dependencies_come_from_the_declarations(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    from google.protobuf.empty_pb2 import Empty

    from talos.state import SHARED, STRONG, Controller, Input, Output

    class Hosts(Controller):
        name = "network.Hosts"
        inputs = (Input(HostnameStatusSpec, id="hostname"), Input(ServiceSpec, STRONG))
        outputs = (Output(OSRootSpec), Output(ServiceSpec, SHARED))

    found = {"talos.controllers": [Hosts]}
    monkeypatch.setattr("talos.machined.api.inspect.discover", lambda package: found.get(package, []))
    (answer,) = await api.call("ControllerRuntimeDependencies", Empty(), "inspect.InspectService")
    edges = [
        (e.controller_name, e.edge_type, e.resource_type, e.resource_namespace, e.resource_id)
        for e in answer.messages[0].edges
    ]
    assert edges == [
        ("network.Hosts", 0, "OSRootSecrets.secrets.talos.dev", "", ""),
        ("network.Hosts", 3, TYPE, "", ""),
        ("network.Hosts", 2, "HostnameStatuses.net.talos.dev", "network", "hostname"),
        ("network.Hosts", 1, TYPE, "runtime", ""),
    ]
