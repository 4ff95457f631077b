"""Commands whose output is no table of one answer, against a node that answers as recorded (see test_outputs)."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import any_pb2
from google.protobuf.message import Message
from grpclib import Status

from talos.api import common_pb2
from talos.api import cosi_resource_pb2 as cosi
from talos.api import machine_pb2 as pb
from talos.client import Context, TalosConfig
from talos.pki import certificates
from talos.talosctl.main import run
from tests.golden import cgroup_archive, rebuild
from tests.golden.replay import Recorded, Replay

FOLDER = Path(__file__).parent / "talosctl" / "outputs"
NODE = "10.77.0.2"
MACHINE = "/machine.MachineService"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Replay]:
    with Replay(tmp_path_factory.mktemp("replay")) as replay:
        yield replay


@pytest.fixture
def replay(server: Replay, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Replay:
    monkeypatch.setenv("TALOSCONFIG", str(server.talosconfig))
    monkeypatch.setenv("HOME", str(tmp_path))
    server.nodes.clear()
    server.calls.clear()
    return server


def recorded(name: str) -> Recorded:
    return Recorded((FOLDER / f"{name}.txt").read_text())


def words(wanted: Recorded, home: Path) -> list[str]:
    return shlex.split(wanted.args.replace("$HOME", str(home)))


FAILURES = {
    "events-since": "Events",
    "etcd-downgrade-validate-bad": "EtcdDowngradeValidate",
    "image-pull-bad": "/machine.ImageService/Pull",
    "image-pull-missing": "/machine.ImageService/Pull",
    "err-meta-write": "MetaWrite",
    "err-meta-delete": "MetaDelete",
    "err-wipe-disk": "/storage.StorageService/BlockDeviceWipe",
    "err-restart-unknown": "Restart",
    "err-bootstrap-twice": "Bootstrap",
    "err-bootstrap-worker": "Bootstrap",
    "reboot-worker-container": "Reboot",
    "pcap-bad-iface": "PacketCapture",
}


@pytest.mark.parametrize("name", sorted(FAILURES))
def test_failure(name: str, replay: Replay, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Nothing on standard output; on standard error what the node said, word for word, and of which node."""
    wanted = recorded(name)
    said = re.search(r"rpc error: code = (\w+) desc = (.*)", wanted.stderr)
    node = re.search(r"-n (\S+)", wanted.args)
    assert said and node and wanted.exit == 1 and wanted.stdout == ""
    path = FAILURES[name] if "/" in FAILURES[name] else f"{MACHINE}/{FAILURES[name]}"
    replay.fail(node[1], path, rebuild._CODES[said[1]], said[2])
    wanted.args = re.sub(r" -e \S+", "", wanted.args)  # the replay is reached where its talosconfig says
    assert run(words(wanted, tmp_path)) == 1
    out, err = capsys.readouterr()
    assert out == "" and said[2] in err and said[1] in err
    assert (node[1] in err) >= (node[1] in wanted.stderr)


@pytest.mark.parametrize("name", ["events-tail50"])
def test_events(name: str, replay: Replay, capsys: pytest.CaptureFixture[str]) -> None:
    wanted = recorded(name)
    _, *lines = wanted.stdout.splitlines()
    messages: list[Message] = [pb.Event()]
    for first, second in zip(lines[::2], lines[1::2], strict=True):
        _, id, url = first.split()
        messages.append(pb.Event(id=id, data=any_pb2.Any(type_url=url, value=event(url, second).SerializeToString())))
    replay.on(NODE, f"{MACHINE}/Events", *messages)
    assert run(shlex.split(wanted.args)) == 0
    assert capsys.readouterr().out == wanted.stdout
    (request,) = [request for _, _, request in replay.calls]
    assert request == pb.EventsRequest(tail_events=50)


def event(url: str, line: str) -> Message:
    """The message that is shown so."""
    source, text = line[12:].split(None, 1) if line[12] != " " else ("", line.strip())
    action = text.partition(":")[0]
    match url.rpartition(".")[2]:
        case "SequenceEvent":
            return pb.SequenceEvent(sequence=source, action=pb.SequenceEvent.Action.Value(action))
        case "PhaseEvent":
            return pb.PhaseEvent(phase=source, action=pb.PhaseEvent.Action.Value(action))
        case "TaskEvent":
            return pb.TaskEvent(task=source, action=pb.TaskEvent.Action.Value(action))
        case "ServiceStateEvent":
            kind = pb.ServiceStateEvent.Action.Value(action)
            return pb.ServiceStateEvent(service=source, action=kind, message=text.partition(": ")[2])
        case "AddressEvent":
            return pb.AddressEvent(hostname=source, addresses=text.removeprefix("ADDRESSES: ").split(","))
        case "MachineStatusEvent":
            parts = re.fullmatch(r"ready: (true|false), unmet conditions: \[(.*)\]", text)
            assert parts
            status = pb.MachineStatusEvent.MachineStatus
            unmet = [status.UnmetCondition(name=name) for name in parts[2].split()]
            return pb.MachineStatusEvent(
                stage=pb.MachineStatusEvent.MachineStage.Value(source),
                status=status(ready=parts[1] == "true", unmet_conditions=unmet),
            )
        case kind:
            raise AssertionError(kind)


def test_an_event_of_an_operation_says_whose(replay: Replay, capsys: pytest.CaptureFixture[str]) -> None:
    """Lines of one event are aligned with one another."""
    failed = pb.SequenceEvent(sequence="reset", action=1, error=common_pb2.Error(message="disk is gone"))
    data = any_pb2.Any(type_url="talos/runtime/machine.SequenceEvent", value=failed.SerializeToString())
    replay.on(NODE, f"{MACHINE}/Events", pb.Event(id="c", actor_id="9a14-4c9e-b7de", data=data))
    assert run(["-n", NODE, "events"]) == 0
    assert capsys.readouterr().out.splitlines()[1:] == [
        f"{NODE}        c       talos/runtime/machine.SequenceEvent",
        "9a14-4c9e-b7de   reset   error: disk is gone",
    ]


@pytest.mark.parametrize(("name", "path"), [("dmesg-two-nodes", "Dmesg"), ("logs-two-nodes", "Logs")])
def test_lines_carry_their_node(name: str, path: str, replay: Replay, capsys: pytest.CaptureFixture[str]) -> None:
    """Cut in the middle of lines by the node; which node is first is not fixed, its lines stay in order."""
    wanted = recorded(name)
    lines = wanted.stdout.splitlines()
    for node in (NODE, "10.77.0.3"):
        data = "".join(f"{line.removeprefix(f'{node}: ')}\n" for line in lines if line.startswith(f"{node}:")).encode()
        replay.on(
            node, f"{MACHINE}/{path}", *(common_pb2.Data(bytes=data[i : i + 97]) for i in range(0, len(data), 97))
        )
    assert run(shlex.split(wanted.args)) == wanted.exit
    out, err = capsys.readouterr()
    assert sorted(out.splitlines(), key=lambda line: line[:9]) == sorted(lines, key=lambda line: line[:9])
    assert err == wanted.stderr


PRESETS = [f"cgroups-{name}" for name in ("cpu", "cpuset", "io", "memory", "process", "psi", "swap", "skip")]


@pytest.mark.parametrize("name", PRESETS)
def test_control_groups(name: str, replay: Replay, capsys: pytest.CaptureFixture[str]) -> None:
    """The tree, names of pods and containers, and every column of each preset; what the node has no figure of is unset
    (Go's own word for it in some of the columns, %!s(<nil>), is not repeated)."""
    wanted = recorded(name)
    header, *lines = [line for line in wanted.stdout.splitlines() if not line.startswith("(…")]
    archive, containers, processes = cgroup_archive.of(lines, header)
    replay.on(
        NODE, f"{MACHINE}/Copy", *(common_pb2.Data(bytes=archive[i : i + 999]) for i in range(0, len(archive), 999))
    )
    replay.on(NODE, f"{MACHINE}/Containers", containers)
    replay.on(NODE, f"{MACHINE}/Processes", processes)
    assert run(shlex.split(wanted.args)) == 0
    out = capsys.readouterr().out.splitlines()[: 1 + len(lines)]  # below them: groups that were left out
    if "%!s" in wanted.stdout:
        assert [cells(line) for line in out] == [cells(line) for line in (header, *lines)]
    else:  # names that were left out are wider than those that are here
        at, shown_at = header.index(header.split()[1]), out[0].index(out[0].split()[1])
        assert [line[shown_at:].rstrip() for line in out] == [line[at:].rstrip() for line in (header, *lines)]
        assert [line[:shown_at].rstrip() for line in out] == [line[:at].rstrip() for line in (header, *lines)]


def cells(line: str) -> list[str]:
    return line.replace("%!s(<nil>)", "unset").split()


def resource(spec: dict[str, Any], id: str = "") -> cosi.Resource:
    return cosi.Resource(metadata=cosi.Metadata(id=id), spec=cosi.Spec(yaml_spec=json.dumps(spec)))


def mounted(volume: str, source: str, target: str) -> cosi.ListResponse:
    return cosi.ListResponse(resource=resource({"spec": {"volumeID": volume}, "source": source, "target": target}))


@pytest.mark.parametrize("name", ["diskfree", "diskfree-bytes", "diskfree-inodes"])
def test_volumes_of_a_container_have_no_filesystem_of_their_own(
    name: str, replay: Replay, capsys: pytest.CaptureFixture[str]
) -> None:
    wanted = recorded(name)
    replay.on(NODE, "/cosi.resource.State/List", mounted("/var/lib", "", "/var/lib"), mounted("LOG", "", "/var/log"))
    assert run(shlex.split(wanted.args)) == 0
    assert capsys.readouterr() == (wanted.stdout, wanted.stderr)


def test_a_volume_that_there_is_not(replay: Replay, capsys: pytest.CaptureFixture[str]) -> None:
    wanted = recorded("diskfree-missing")
    replay.fail(NODE, "/cosi.resource.State/Get", Status.NOT_FOUND, "not found")
    assert run(shlex.split(wanted.args)) == wanted.exit
    assert capsys.readouterr() == (wanted.stdout, wanted.stderr)


MEASURED = pb.StorageServiceStatfsResponse(
    size=10 << 30, used=1 << 30, available=(8 << 30) + (512 << 20), inodes=2_621_440, inodes_used=1500, inodes_free=999
)


@pytest.mark.parametrize(
    ("flags", "row"),
    [
        ([], "10GiB 1.0GiB 8.5GiB 11%"),
        (["-b"], "10737418240 1073741824 9126805504 11%"),
        (["-i"], "2.6M 1.5K 999 1%"),
        (["-i", "-b"], "2621440 1500 999 1%"),
    ],
)
def test_how_full_a_volume_is(flags: list[str], row: str, replay: Replay, capsys: pytest.CaptureFixture[str]) -> None:
    """As df counts: what only root may use is no part of the whole, and any part of a percent is a whole one."""
    replay.on(NODE, "/cosi.resource.State/List", mounted("EPHEMERAL", "/dev/vda6", "/var"), mounted("LOG", "", "/x"))
    replay.on(NODE, "/cosi.resource.State/Get", cosi.GetResponse(resource=resource({"phase": "ready"})))
    replay.on(NODE, "/machine.StorageService/Statfs", MEASURED)
    assert run(["-n", NODE, "df", *flags]) == 0
    assert run(["-n", NODE, "df", "EPHEMERAL", *flags]) == 0
    _, first, _, second = capsys.readouterr().out.splitlines()
    assert first == second and first.split() == [NODE, "EPHEMERAL", "/dev/vda6", *row.split(), "/var"]


@pytest.mark.parametrize(
    ("spec", "why"),
    [
        ({"phase": "ready", "type": "directory"}, "is a directory volume, which does not have its own filesystem"),
        ({"phase": "missing", "type": "partition"}, "is not ready (phase: missing)"),
        ({"phase": "ready", "type": "partition"}, "not mounted"),
    ],
)
def test_a_volume_that_cannot_be_measured(
    spec: dict[str, Any], why: str, replay: Replay, capsys: pytest.CaptureFixture[str]
) -> None:
    replay.on(NODE, "/cosi.resource.State/Get", cosi.GetResponse(resource=resource(spec, "LOG")))
    replay.on(NODE, "/cosi.resource.State/List")
    assert run(["-n", NODE, "df", "LOG"]) == 1
    assert capsys.readouterr() == ("", f'error from node {NODE}: volume "LOG" {why}\n')


@pytest.mark.parametrize("name", ["config-info", "config-info-json", "config-info-reader", "config-contexts"])
def test_contexts(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    wanted = recorded(name)
    reader = name.endswith("reader")
    pair = certificates.api_client(certificates.new_authority("talos"), ["os:reader" if reader else "os:admin"])
    context = Context([NODE], [] if reader else [NODE], b"", pair.crt, pair.key)
    title = "reader@peer" if reader else "peer"
    path = tmp_path / ("reader.yaml" if reader else "config")
    TalosConfig(title, {title: context}).save(path)
    monkeypatch.setenv("TALOSCONFIG", str(path))
    assert run(words(wanted, tmp_path)) == wanted.exit
    day = certificates.not_after(pair.crt).strftime("%Y-%m-%d")
    assert capsys.readouterr() == (wanted.stdout.replace("2027-11-22", day), wanted.stderr)


ANSWERS: dict[str, tuple[str, Sequence[Message]]] = {
    "image-pull": (
        "/machine.ImageService/Pull",
        [
            pb.ImageServicePullResponse(
                name="registry.k8s.io/pause@sha256:2d8303a4487a4f21107932e2ee107ca63ed291adc7255765be28a77f60fbc0ce"
            )
        ],
    ),
    "etcd-defrag": (f"{MACHINE}/EtcdDefragment", [pb.EtcdDefragmentResponse(messages=[pb.EtcdDefragment()])]),
    "etcd-alarm-disarm": (f"{MACHINE}/EtcdAlarmDisarm", [pb.EtcdAlarmDisarmResponse()]),
    "etcd-downgrade-validate": (
        f"{MACHINE}/EtcdDowngradeValidate",
        [
            pb.EtcdDowngradeValidateResponse(
                messages=[pb.EtcdDowngradeValidate(cluster_downgrade=pb.EtcdClusterDowngrade(cluster_version="3.7"))]
            )
        ],
    ),
    "etcd-downgrade-cancel": (
        f"{MACHINE}/EtcdDowngradeCancel",
        [
            pb.EtcdDowngradeCancelResponse(
                messages=[pb.EtcdDowngradeCancel(cluster_downgrade=pb.EtcdClusterDowngrade(cluster_version="3.7"))]
            )
        ],
    ),
    "usage-missing": (
        f"{MACHINE}/DiskUsage",
        [pb.DiskUsageInfo(error="lstat /nosuch: no such file or directory")],
    ),
}


@pytest.mark.parametrize("name", sorted(ANSWERS))
def test_answer(name: str, replay: Replay, capsys: pytest.CaptureFixture[str]) -> None:
    wanted = recorded(name)
    path, messages = ANSWERS[name]
    replay.on(NODE, path, *messages)
    assert run(shlex.split(wanted.args)) == wanted.exit
    assert capsys.readouterr() == (wanted.stdout, wanted.stderr)


@pytest.mark.parametrize(
    ("name", "details"),
    [
        ("patch-sysctl", "Applied configuration without a reboot"),
        (
            "patch-try",
            "Applied configuration without a reboot\n"
            "The config is applied in 'try' mode and will be automatically reverted back in 10s",
        ),
    ],
)
def test_a_patch(name: str, details: str, replay: Replay, capsys: pytest.CaptureFixture[str]) -> None:
    """Everything goes to standard error, the node's own words behind the line that says where."""
    wanted = recorded(name)
    text = "version: v1alpha1\nmachine:\n    type: worker\ncluster: {}\n"
    replay.on(
        NODE, "/cosi.resource.State/Get", cosi.GetResponse(resource=cosi.Resource(spec=cosi.Spec(yaml_spec=text)))
    )
    answer = pb.ApplyConfigurationResponse(messages=[pb.ApplyConfiguration(mode_details=details)])
    replay.on(NODE, f"{MACHINE}/ApplyConfiguration", answer)
    assert run(shlex.split(wanted.args)) == wanted.exit
    assert capsys.readouterr() == (wanted.stdout, wanted.stderr)


def test_a_snapshot(replay: Replay, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The first line only: hash and revision of what is inside are read by etcdutl."""
    import hashlib

    wanted = recorded("etcd-snapshot")
    pages = bytes(1228800)
    data = pages + hashlib.sha256(pages).digest()
    replay.on(
        NODE,
        f"{MACHINE}/EtcdSnapshot",
        *(common_pb2.Data(bytes=data[i : i + 65536]) for i in range(0, len(data), 65536)),
    )
    code = run(words(wanted, tmp_path))
    out, err = capsys.readouterr()
    assert (out, code) == (wanted.stdout.replace("$HOME", str(tmp_path)).splitlines(keepends=True)[0], 0), err


def test_images_of_kubernetes(capsys: pytest.CaptureFixture[str]) -> None:
    """The same images in the same order; versions are of the release."""
    wanted = recorded("image-k8s-bundle")
    versions = "--k8s-version v1.37.0-rc.1 --etcd-version 3.7.1 --coredns-version v1.14.7 --flannel-version 0.28.9"
    assert run([*shlex.split(wanted.args), *versions.split()]) == 0
    assert capsys.readouterr() == (wanted.stdout, wanted.stderr)
