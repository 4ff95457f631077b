"""What the contract says of routes and roles beside the table of methods (its notes), one by one."""

from __future__ import annotations

import pytest
from grpclib.const import Cardinality, Status

from talos.api import method_types
from talos.apid.routing import FAN_OUT, Route, Site, decide, is_streamed
from talos.transport.calls import CallError
from talos.transport.identity import Identity, effective_roles

from .conftest import Cluster, M

SITE = Site(frozenset({"127.0.0.1", "one"}), can_forward=True)
STREAMS = {
    *(M + name for name in (
        "Copy", "DiskUsage", "Dmesg", "EtcdSnapshot", "Events", "ImageList", "Kubeconfig", "List", "DebugContainer",
        "Logs", "PacketCapture", "Read",
    )),
    "/cluster.ClusterService/HealthCheck",
}  # fmt: skip


def test_no_target_and_proxyfrom_are_this_node() -> None:
    here = Route(("",), False)
    assert decide(M + "Version", [], [], False, SITE) == here
    assert decide(M + "Version", ["10.0.0.9"], ["10.0.0.8", "10.0.0.7"], True, SITE) == here


def test_targets_beside_this_node() -> None:
    assert decide(M + "Version", ["10.0.0.9"], [], False, SITE) == Route(("10.0.0.9",), False)
    assert decide(M + "Version", [], ["10.0.0.9"], False, SITE) == Route(("10.0.0.9",), True)


@pytest.mark.parametrize("service", ["machine.MachineService", "cluster.ClusterService", "inspect.InspectService",
                                     "storage.StorageService", "time.TimeService"])  # fmt: skip
def test_several_nodes_for_the_services_that_mark_their_answers(service: str) -> None:
    assert decide(f"/{service}/X", [], ["10.0.0.9", "one"], False, SITE).fan_out


@pytest.mark.parametrize(
    ("path", "node", "nodes", "status"),
    [
        ("/cosi.resource.State/Get", [], ["10.0.0.9"], Status.INVALID_ARGUMENT),
        ("/machine.ImageService/List", [], ["10.0.0.9"], Status.INVALID_ARGUMENT),
        ("/machine.StorageService/Statfs", [], ["10.0.0.9"], Status.INVALID_ARGUMENT),
        ("/machine.LifecycleService/Upgrade", [], ["10.0.0.9"], Status.INVALID_ARGUMENT),
        ("/nosuch.Service/X", [], ["10.0.0.9"], Status.INVALID_ARGUMENT),
        (M + "Version", ["10.0.0.9", "10.0.0.8"], [], Status.INVALID_ARGUMENT),
        (M + "Version", [""], [], Status.INTERNAL),
        (M + "Version", [], ["10.0.0.9", ""], Status.INTERNAL),
        (M + "Version", ["10.0.0.9:50000"], [], Status.INTERNAL),
        (M + "Version", ["[fd00::1]:50000"], [], Status.INTERNAL),
        (M + "Version", [], ["host:50000"], Status.INTERNAL),
    ],
)
def test_what_is_no_route(path: str, node: list[str], nodes: list[str], status: Status) -> None:
    with pytest.raises(CallError) as caught:
        decide(path, node, nodes, False, SITE)
    assert caught.value.status is status


@pytest.mark.parametrize("site", [Site(frozenset({"one"})), Site(frozenset({"one"}), True, routing_disabled=True)])
def test_workers_and_maintenance_serve_themselves_only(site: Site) -> None:
    for node, nodes in ((["10.0.0.9"], []), ([], ["one", "10.0.0.9"])):
        with pytest.raises(CallError) as caught:
            decide(M + "Version", node, nodes, False, site)
        assert caught.value.status is Status.PERMISSION_DENIED
    assert decide(M + "Version", ["ONE"], [], False, site) == Route(("ONE",), False)


def test_what_is_marked_chunk_by_chunk_is_what_streams_on_genuine_nodes() -> None:
    from talos import rbac

    marked = {path for path in rbac.METHODS if path.startswith(FAN_OUT) and is_streamed(path)}
    assert marked == STREAMS - {M + "DebugContainer"}
    assert is_streamed(M + "DebugContainer")
    assert is_streamed("/any.Service/OfItsOwnStream")
    for path in marked:
        assert method_types(path).server_streaming, path


def test_roles_are_the_certificates_unless_it_speaks_for_others() -> None:
    def roles(*organizations: str, claimed: tuple[str, ...] = ()) -> set[str]:
        return set(effective_roles(Identity(organizations=organizations), claimed))

    assert roles("os:reader", "", "os:nosuch", "my company") == {"os:reader"}
    assert roles("os:reader", claimed=("os:admin",)) == {"os:reader"}
    assert roles("os:impersonator") == {"os:impersonator"}
    assert roles("os:impersonator", "os:admin", claimed=("os:reader",)) == {"os:reader"}
    assert roles("os:impersonator", claimed=("os:reader", "os:operator")) == {"os:reader", "os:operator"}
    assert roles("os:impersonator", claimed=("os:nosuch",)) == set()


async def test_a_call_that_was_passed_on_is_not_passed_on_again(cluster: Cluster) -> None:
    pair = cluster.ca.issue("between", ("os:impersonator",))
    async with cluster.client(pair) as client:
        endpoint = await client._pool.pick("")
        kinds = method_types(M + "Version")
        metadata = [("talos-role", "os:reader"), ("proxyfrom", "10.0.0.1"), ("node", "127.0.0.2")]
        async with endpoint.request(
            M + "Version", Cardinality.UNARY_UNARY, kinds.request, kinds.response, metadata=metadata
        ) as stream:
            await stream.send_message(kinds.request(), end=True)
            answer = await stream.recv_message()
    assert answer.messages[0].version.tag == "one"
    assert [m["talos-role"] for _, m in cluster.first.backend.seen] == [["os:reader"]]
    assert cluster.second.backend.seen == []
