"""Every command against a node that answers as recorded: standard output to the letter, exit code, and where an error
goes. tests/golden/talosctl/outputs holds what Talos' own client printed of the same answers."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from grpclib import Status

from talos.api import cluster_pb2
from talos.api import machine_pb2 as pb
from talos.talosctl import output
from talos.talosctl.main import run
from tests.golden import rebuild
from tests.golden.replay import Recorded, Replay

FOLDER = Path(__file__).parent / "talosctl" / "outputs"
TABLES = {
    name: word
    for word, names in {
        "services": "services err-unknown-node-two",
        "containers": "containers containers-k",
        "stats": "stats stats-k",
        "processes": "processes",
        "netstat": "netstat-l netstat-lp netstat-x netstat-u netstat-6 netstat-U netstat-lt4",
        "members": "etcd-members etcd-members-two-nodes",
        "status": "etcd-status etcd-status-worker",
        "remove-member": "etcd-remove-member-unknown",
        "image": "image-list image-list-two-nodes",
        "list": "list-root list-two-nodes list-missing list-missing-two-nodes",
        "usage": "usage usage-d2 usage-H",
        "time": "time",
        "list-l": "list-l",
        "memory": "memory memory-two-nodes",
        "mounts": "mounts",
        "service": "err-service-restart-machined err-service-start-unknown service-kubelet-stop"
        " service-kubelet-restart",
        "read": "read-missing",
        "logs": "logs-nosuch",
    }.items()
    for name in names.split()
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Replay]:
    with Replay(tmp_path_factory.mktemp("replay")) as replay:
        yield replay


@pytest.fixture
def replay(server: Replay, monkeypatch: pytest.MonkeyPatch) -> Replay:
    monkeypatch.setenv("TALOSCONFIG", str(server.talosconfig))
    monkeypatch.setattr(output, "now", lambda: rebuild.NOW)
    server.nodes.clear()
    server.calls.clear()
    return server


def recorded(name: str) -> Recorded:
    return Recorded((FOLDER / f"{name}.txt").read_text())


def trimmed(text: str) -> str:
    return "".join(f"{line.rstrip()}\n" for line in text.splitlines())


@pytest.mark.parametrize("name", sorted(TABLES))
def test_output(name: str, replay: Replay, capsys: pytest.CaptureFixture[str]) -> None:
    wanted = recorded(name)
    rebuild.load(replay, wanted, TABLES[name])
    code = run(shlex.split(wanted.args))
    out, err = capsys.readouterr()
    assert trimmed(out) == trimmed(wanted.stdout), err
    assert code == wanted.exit, err
    assert bool(err) == bool(wanted.stderr)
    for node in replay.nodes:
        assert (node in err) == (node in wanted.stderr) or TABLES[name] == "read"


def test_services_have_their_head_whoever_is_refused(replay: Replay, capsys: pytest.CaptureFixture[str]) -> None:
    replay.fail("10.77.0.2", "/machine.MachineService/ServiceList", Status.PERMISSION_DENIED, "not authorized")
    assert run(["-n", "10.77.0.2", "services"]) == 1
    out, err = capsys.readouterr()
    assert out.split() == ["NODE", "SERVICE", "STATE", "HEALTH", "LAST", "CHANGE", "LAST", "EVENT"]
    assert "not authorized" in err


def test_an_order_that_is_unknown_is_the_usual_one(replay: Replay, capsys: pytest.CaptureFixture[str]) -> None:
    """A script that has it wrong works with Talos, and prints what it prints without."""
    wanted = recorded("processes")
    rebuild.load(replay, wanted, "processes")
    assert run([*shlex.split(wanted.args), "--sort", "nosuch"]) == 0
    assert trimmed(capsys.readouterr().out) == trimmed(wanted.stdout)


@pytest.mark.parametrize("name", ["version", "version-short", "version-json"])
def test_version(name: str, replay: Replay, capsys: pytest.CaptureFixture[str]) -> None:
    wanted = recorded(name)
    replay.on("10.77.0.2", "/machine.MachineService/Version", rebuild.version())
    assert run(shlex.split(wanted.args)) == 0
    out, err = capsys.readouterr()
    # The client's own part is of the client.
    assert out.partition("Server:")[2] == wanted.stdout.partition("Server:")[2]
    assert err == ""
    if name == "version-json":
        import json

        assert json.loads(out) == json.loads(wanted.stdout)


def test_one_service(replay: Replay, capsys: pytest.CaptureFixture[str]) -> None:
    wanted = recorded("service-kubelet")
    replay.on("10.77.0.2", "/machine.MachineService/ServiceList", rebuild.service(wanted.stdout))
    assert run(shlex.split(wanted.args)) == 0
    assert capsys.readouterr().out == wanted.stdout


def test_all_of_memory(replay: Replay, capsys: pytest.CaptureFixture[str]) -> None:
    wanted = recorded("memory-v")
    values = dict(line.split(": ") for line in wanted.stdout.splitlines())
    info = pb.MemInfo(
        **{name.lower(): int(value.split()[0]) for name, value in values.items() if name not in ("NODE",)}
    )
    replay.on("10.77.0.2", "/machine.MachineService/Memory", pb.MemoryResponse(messages=[pb.Memory(meminfo=info)]))
    assert run(shlex.split(wanted.args)) == 0
    assert capsys.readouterr().out == wanted.stdout


def test_health(replay: Replay, capsys: pytest.CaptureFixture[str]) -> None:
    """Progress goes to standard error, each line as the node says it, and nothing to standard output."""
    wanted = recorded("health")
    lines = wanted.stderr.splitlines()
    assert len(lines) > 20
    progress = [cluster_pb2.HealthCheckProgress(message=line) for line in lines]
    replay.on("10.77.0.2", "/cluster.ClusterService/HealthCheck", *progress)
    assert run(shlex.split(wanted.args)) == 0
    assert capsys.readouterr() == (wanted.stdout, wanted.stderr)
    request = replay.calls[0][2]
    assert isinstance(request, cluster_pb2.HealthCheckRequest) and request.wait_timeout.seconds == 60


def test_a_file_is_printed_as_it_is(replay: Replay, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    from talos.api import common_pb2

    data = bytes(range(256)) * 3
    replay.on(
        "10.77.0.2", "/machine.MachineService/Read", *(common_pb2.Data(bytes=data[i : i + 7]) for i in range(0, 768, 7))
    )
    assert run(["-n", "10.77.0.2", "read", "/x"]) == 0
    assert capfdbinary.readouterr().out == data


@pytest.mark.parametrize(
    ("arguments", "field", "value"),
    [
        (["netstat"], "filter", "CONNECTED"),
        (["netstat", "-la"], "filter", "ALL"),
        (["netstat", "-l"], "filter", "LISTENING"),
    ],
)
def test_flags_reach_the_node(arguments: list[str], field: str, value: str, replay: Replay) -> None:
    replay.on("10.77.0.2", "/machine.MachineService/Netstat", pb.NetstatResponse(messages=[pb.Netstat()]))
    assert run(["-n=10.77.0.2", *arguments]) == 0
    request = replay.calls[0][2]
    assert pb.NetstatRequest.Filter.Name(getattr(request, field)) == value
