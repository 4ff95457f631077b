"""docs/reference/methods.md is true: every method, called on a node of every platform, does what its row says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from grpclib import GRPCError, Status
from grpclib.client import Channel
from grpclib.const import Cardinality
from grpclib.server import Server

from talos import api, rbac
from talos.environment import NodeEnvironment
from talos.machined import methods, rpc
from talos.machined.node import Node
from talos.machined.sequencer import LockedError
from talos.resources.etcd import SpecSpec
from talos.resources.secrets import EtcdRootSpec, KubernetesCertsSpec, KubernetesRootSpec, OSRootSpec
from talos.state import Resource
from talos.state.inmemory import InMemoryState

rpc.load_handlers()
CHECKOUT = Path(__file__).parents[3]
PATHS = [row.path for row in methods.rows()]
CARDINALITY = {(c.client_streaming, c.server_streaming): c for c in Cardinality}
ANSWER_S = 0.5  # a stream that is silent for so long is no refusal


class Busy:
    """A node that another sequence keeps from going down: the test does not want to carry out Shutdown."""

    running = ""

    def begin(self, name: str, _request: Any) -> None:
        raise LockedError(f"{name}: another sequence runs")


@pytest.fixture(params=[(platform, role) for platform in methods.PLATFORMS for role in ("control plane", "worker")])
async def served(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[tuple[str, bool, Channel]]:
    """Mode of a node, whether it is a control plane node, and a connection to its socket."""
    platform, role = request.param
    for folder in ("system/state", "var/log", "run/machined", "run/zygote/want", "run/zygote/state"):
        (tmp_path / folder).mkdir(parents=True)
    name = {"cloud": "nocloud"}.get(platform, platform)
    env = NodeEnvironment(platform=name, variables={"PLATFORM": name}, root=tmp_path)
    assert env.mode == platform
    node = Node(env, InMemoryState())
    node.sequencer = Busy()  # type: ignore[assignment]
    node.config.refused = "configured, for this test"  # not in maintenance mode
    if role == "control plane":
        for kind, id in ((EtcdRootSpec, "etcd"), (KubernetesRootSpec, "k8s"), (KubernetesCertsSpec, "k8s-certs"),
                         (OSRootSpec, "os"), (SpecSpec, "etcd")):  # fmt: skip
            spec: Any = kind()
            if kind is OSRootSpec:
                spec.issuing_ca.key = "a key"
            await node.state.create(Resource.new(kind, id, spec))
    server = Server([rpc.MachineApi(node, rbac.allowed)])
    await server.start(path=str(tmp_path / "machine.sock"))
    channel = Channel(path=str(tmp_path / "machine.sock"))
    yield platform, role == "control plane", channel
    channel.close()
    server.close()
    await server.wait_closed()


async def outcome(channel: Channel, path: str) -> tuple[Status, str]:
    """Status and text of a call with an empty request (or, for what streams in, none)."""
    kinds = api.method_types(path)
    cardinality = CARDINALITY[kinds.client_streaming, kinds.server_streaming]
    call = channel.request(path, cardinality, kinds.request, kinds.response, metadata=[(rpc.ROLE_KEY, rbac.ADMIN)])  # type: ignore[arg-type]
    try:
        async with asyncio.timeout(ANSWER_S), call as stream:
            if kinds.client_streaming:
                await stream.send_request(end=True)
            else:
                await stream.send_message(_request(path, kinds.request), end=True)
            while await stream.recv_message() is not None:
                pass
    except GRPCError as error:
        return error.status, error.message or ""
    except TimeoutError:
        pass
    return Status.OK, ""


def _request(path: str, kind: Any) -> Any:
    """Empty but for what a write must name to be refused for being one."""
    request = kind()
    for field in ("resource", "new_resource"):
        if path in methods.REFUSED and field in kind.DESCRIPTOR.fields_by_name:
            metadata = getattr(request, field).metadata
            metadata.namespace, metadata.type, metadata.id = "runtime", "Services.v1alpha1.talos.dev", "x"
            metadata.version, metadata.phase = "1", "running"
    return request


@pytest.mark.slow
async def test_every_method_does_what_its_row_says(served: tuple[str, bool, Channel]) -> None:
    platform, control_plane, channel = served
    wrong = []
    for path in PATHS:
        status, text = await outcome(channel, path)
        here = f"{path} on {platform}, {'control plane' if control_plane else 'worker'}: {status.name} {text!r}"
        if path in methods.CONTROL_PLANE and not control_plane:
            as_said = status is Status.UNIMPLEMENTED and "control plane nodes" in text
        elif path in methods.REFUSED:
            as_said = status is methods.REFUSED[path]
        elif platform in methods.NOT_YET.get(path, ()):
            # Not found is honest, too: what does not exist cannot be removed.
            said_so = "not carried out" in text or "no META" in text
            as_said = said_so or status in (Status.NOT_FOUND, Status.INVALID_ARGUMENT)
        else:
            as_said = status is not Status.UNIMPLEMENTED and "not carried out" not in text
        if not as_said:
            wrong.append(here)
    assert not wrong, "\n".join(["change talos.machined.methods, or the handler:", *wrong])


def test_every_method_of_the_contract_has_a_row() -> None:
    listed = {*PATHS, *methods.OTHER_PROCESSES}
    assert {path for path in rbac.METHODS if path not in listed and not path.startswith("/pytalos.")} == set()
    for path in (*methods.NOT_YET, *methods.REFUSED, *methods.CONTROL_PLANE, *methods.OURS_IN_CONTAINERS):
        assert path in PATHS


def test_the_table_is_up_to_date() -> None:
    assert (CHECKOUT / methods.OUTPUT).read_text() == methods.table(), "stale: run make reference"


def test_what_has_no_handler_is_not_called_real(monkeypatch: pytest.MonkeyPatch) -> None:
    path = "/machine.MachineService/Version"
    monkeypatch.delitem(rpc._methods, path)
    (row,) = [row for row in methods.rows() if row.path == path]
    assert row.cells == ("not yet",) * 3
