"""Bootstrap from a snapshot, over a real socket: the upload, and what is refused before etcd starts."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from grpclib import GRPCError, Status
from grpclib.client import Channel, StreamUnaryMethod, UnaryUnaryMethod
from grpclib.server import Server

from talos import rbac
from talos.api import common_pb2, machine_pb2
from talos.controllers.machine_config import parse
from talos.etcd import recovery
from talos.etcd.bootstrap import ID, EtcdBootstrapRequest
from talos.machined import etcd_founding, rpc
from talos.machined.node import Node
from talos.resources.block import VolumeStatusSpec
from talos.resources.enums import VolumePhase
from talos.resources.etcd import SpecSpec
from talos.resources.secrets import EtcdRootSpec
from talos.state import Resource
from talos.state.inmemory import InMemoryState

rpc.load_handlers()
ADMIN = [(rpc.ROLE_KEY, rbac.ADMIN)]
DATABASE = b"d" * 4096
PEM = "LS0tLS0="
SNAPSHOT = DATABASE + hashlib.sha256(DATABASE).digest()


@pytest.fixture
async def node(make_node: Callable[..., Node], tmp_path: Path) -> AsyncIterator[Node]:
    """A control plane node with an empty data folder, and `node.channel` to it."""
    made = make_node()
    made.config.refused = "configured, for this test"
    (tmp_path / "var/lib/etcd").mkdir(parents=True)
    for kind, id in ((EtcdRootSpec, "etcd"), (SpecSpec, "etcd")):
        await made.state.create(Resource.new(kind, id))
    await made.state.create(Resource.new(VolumeStatusSpec, "ETCD", VolumeStatusSpec(phase=VolumePhase.READY)))
    server = Server([rpc.MachineApi(made, rbac.allowed)])
    await server.start(path=str(tmp_path / "machine.sock"))
    made.channel = Channel(path=str(tmp_path / "machine.sock"))  # type: ignore[attr-defined]
    yield made
    made.channel.close()  # type: ignore[attr-defined]
    server.close()
    await server.wait_closed()


async def upload(node: Any, *chunks: bytes) -> None:
    method: StreamUnaryMethod[Any, Any] = StreamUnaryMethod(
        node.channel, "/machine.MachineService/EtcdRecover", common_pb2.Data, machine_pb2.EtcdRecoverResponse
    )
    answer = await method([common_pb2.Data(bytes=chunk) for chunk in chunks], metadata=ADMIN)
    assert len(answer.messages) == 1


async def bootstrap(node: Any, **fields: bool) -> None:
    method: UnaryUnaryMethod[Any, Any] = UnaryUnaryMethod(
        node.channel, "/machine.MachineService/Bootstrap", machine_pb2.BootstrapRequest, machine_pb2.BootstrapResponse
    )
    await method(machine_pb2.BootstrapRequest(**fields), metadata=ADMIN)


async def refused(call: Any) -> tuple[Status, str]:
    with pytest.raises(GRPCError) as caught:
        await call
    return caught.value.status, caught.value.message or ""


def lying(node: Node) -> list[str]:
    return sorted(entry.name for entry in node.env.path("/var/lib").iterdir())


async def test_a_snapshot_is_kept_for_etcd_and_asked_for(node: Node) -> None:
    await upload(node, SNAPSHOT[:1000], SNAPSHOT[1000:])
    path = node.env.path(recovery.SNAPSHOT_PATH)
    about = path.stat()
    assert (path.read_bytes(), about.st_uid, about.st_mode & 0o777) == (SNAPSHOT, 60, 0o600)
    assert lying(node) == ["etcd", "etcd.snapshot"]
    await bootstrap(node, recover_etcd=True)
    assert lying(node) == ["etcd", "etcd.bootstrap", "etcd.snapshot"]
    asked = (await node.state.get(EtcdBootstrapRequest, ID)).spec
    assert (asked.snapshot, asked.skip_hash_check) == ("/var/lib/etcd.snapshot", False)
    assert (await refused(bootstrap(node, recover_etcd=True)))[0] is Status.ALREADY_EXISTS


async def test_a_promise_to_found_a_cluster_outlives_who_gave_it(node: Node) -> None:
    (node.env.path(recovery.SNAPSHOT_PATH)).write_bytes(DATABASE)
    await bootstrap(node, recover_etcd=True, recover_skip_hash_check=True)
    for _ in range(2):  # machined is killed, again and again
        later = InMemoryState()
        await etcd_founding.resume(node.env, later)
        assert (await later.get(EtcdBootstrapRequest, ID)).spec == EtcdBootstrapRequest("/var/lib/etcd.snapshot", True)
    (node.env.path("/var/lib/etcd") / "member").mkdir()
    for _ in range(2):
        later = InMemoryState()
        await etcd_founding.resume(node.env, later)
        assert await later.get_or_none(EtcdBootstrapRequest, ID) is None
        (node.env.path("/var/lib/etcd") / "member").rename(node.env.path("/var/lib/gone"))  # it left: it founds none
        assert not node.env.path(etcd_founding.PATH).exists()
        (node.env.path("/var/lib/gone")).rename(node.env.path("/var/lib/etcd") / "member")


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b'{"snapshot": 1}', bytes(range(256))])
async def test_a_promise_that_nobody_can_read_is_dropped(node: Node, data: bytes) -> None:
    node.env.path(etcd_founding.PATH).write_bytes(data)
    await etcd_founding.resume(node.env, node.state)
    assert await node.state.get_or_none(EtcdBootstrapRequest, ID) is None
    assert not node.env.path(etcd_founding.PATH).exists()


async def test_no_promise_is_given_by_a_system_that_is_about_to_end(node: Node) -> None:
    node.sequencer._running = "install"
    status, text = await refused(bootstrap(node))
    assert status is Status.FAILED_PRECONDITION and "being installed" in text
    node.sequencer._running = "boot"
    await node.state.modify(VolumeStatusSpec, "ETCD", lambda spec: setattr(spec, "phase", VolumePhase.WAITING))
    status, text = await refused(bootstrap(node))
    assert status is Status.FAILED_PRECONDITION and "still booting" in text
    assert lying(node) == ["etcd"]


async def test_a_promise_that_the_disk_does_not_take_is_none(node: Node) -> None:
    node.env.path(f"{etcd_founding.PATH.parent}/.etcd.bootstrap.new").mkdir()
    status, text = await refused(bootstrap(node))
    assert status is Status.INTERNAL and "nothing was begun" in text
    assert await node.state.get_or_none(EtcdBootstrapRequest, ID) is None


async def test_without_a_good_snapshot_nothing_starts(node: Node) -> None:
    assert (await refused(bootstrap(node, recover_etcd=True)))[0] is Status.FAILED_PRECONDITION
    assert await refused(upload(node)) == (Status.INVALID_ARGUMENT, "the snapshot is empty")
    assert lying(node) == ["etcd"]
    await upload(node, SNAPSHOT[:2000] + b"x" + SNAPSHOT[2001:])
    status, text = await refused(bootstrap(node, recover_etcd=True))
    assert status is Status.INVALID_ARGUMENT and "damaged" in text
    await upload(node, DATABASE)
    status, text = await refused(bootstrap(node, recover_etcd=True))
    assert status is Status.INVALID_ARGUMENT and "no hash" in text
    assert await node.state.get_or_none(EtcdBootstrapRequest, ID) is None
    await bootstrap(node, recover_etcd=True, recover_skip_hash_check=True)
    assert (await node.state.get(EtcdBootstrapRequest, ID)).spec.skip_hash_check


async def test_a_member_is_never_replaced(node: Node) -> None:
    (node.env.path("/var/lib/etcd") / "member").mkdir()
    for call in (upload(node, SNAPSHOT), bootstrap(node, recover_etcd=True)):
        assert await refused(call) == (Status.ALREADY_EXISTS, "etcd data directory is not empty")
    assert lying(node) == ["etcd"]


async def test_an_upload_that_breaks_off_leaves_the_earlier_one(node: Any) -> None:
    await upload(node, SNAPSHOT)
    method: StreamUnaryMethod[Any, Any] = StreamUnaryMethod(
        node.channel, "/machine.MachineService/EtcdRecover", common_pb2.Data, machine_pb2.EtcdRecoverResponse
    )
    async with method.open(metadata=ADMIN) as stream:
        await stream.send_message(common_pb2.Data(bytes=b"half"))
        while len(lying(node)) < 3:
            await stream.send_message(common_pb2.Data(bytes=b"of it"))
        await stream.cancel()
    async with asyncio.timeout(5):
        while lying(node) != ["etcd", "etcd.snapshot"]:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert node.env.path(recovery.SNAPSHOT_PATH).read_bytes() == SNAPSHOT


@pytest.mark.parametrize(
    ("kind", "status", "said"),
    [
        (
            f"controlplane}}\ncluster: {{etcd: {{ca: {{crt: {PEM}, key: {PEM}}}}}",
            *(Status.FAILED_PRECONDITION, "bootstrap is not available yet: the node is still booting"),
        ),
        ("worker", Status.UNIMPLEMENTED, "bootstrap is only available on control plane nodes"),
        (
            *("controlplane", Status.UNIMPLEMENTED),
            "bootstrap is not available: the configuration of this node runs no etcd",
        ),
    ],
)
async def test_before_its_authority_is_there_a_control_plane_node_is_none_that_boots(
    node: Node, kind: str, status: Status, said: str
) -> None:
    await node.state.destroy(EtcdRootSpec, "etcd")
    node.config.current = parse(f"version: v1alpha1\nmachine: {{type: {kind}}}\n")
    with pytest.raises(GRPCError) as refused:
        await bootstrap(node)
    assert (refused.value.status, refused.value.message) == (status, said)


async def test_a_machine_of_the_type_init_founds_a_cluster_once(node: Node) -> None:
    await etcd_founding.unasked(node.env, node.state)
    await etcd_founding.resume(node.env, node.state)
    assert (await node.state.get(EtcdBootstrapRequest, ID)).spec == EtcdBootstrapRequest()
    assert (await refused(bootstrap(node)))[0] is Status.ALREADY_EXISTS
    await etcd_founding.unasked(node.env, node.state)  # power was lost before etcd began: the promise is kept
    assert node.env.path(etcd_founding.PATH).exists()
    etcd_founding.forget(node.env)  # etcd ran; its data are lost, STATE is not
    later = InMemoryState()
    await etcd_founding.unasked(node.env, later)
    await etcd_founding.resume(node.env, later)
    assert await later.get_or_none(EtcdBootstrapRequest, ID) is None


async def test_a_member_that_becomes_init_founds_nothing(node: Node) -> None:
    data = node.env.path("/var/lib/etcd") / "member"
    data.mkdir()
    await etcd_founding.unasked(node.env, node.state)
    assert not node.env.path(etcd_founding.PATH).exists()
    etcd_founding.remember(node.env)  # by its health check, whatever type it is
    data.rmdir()
    await etcd_founding.unasked(node.env, node.state)
    assert not node.env.path(etcd_founding.PATH).exists()


async def test_a_disk_that_takes_no_promise_founds_nothing(node: Node) -> None:
    node.env.path(f"{etcd_founding.PATH.parent}/.etcd.bootstrap.new").mkdir()
    with pytest.raises(OSError, match=r"etcd\.bootstrap"):
        await etcd_founding.unasked(node.env, node.state)
    assert not node.env.path(etcd_founding.MEMBER).exists()
