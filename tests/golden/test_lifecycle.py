"""Commands of several steps against a node that answers: what is asked in which order, and where they stop."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import empty_pb2
from google.protobuf.message import Message
from grpclib import GRPCError, Status

from talos.api import common_pb2
from talos.api import cosi_resource_pb2 as cosi
from talos.api import machine_pb2 as pb
from talos.talosctl import power
from talos.talosctl.main import run
from tests.golden.replay import Replay

NODE, OTHER = "10.77.0.2", "10.77.0.3"
PULL, INSTALL = "/machine.ImageService/Pull", "/machine.LifecycleService/Upgrade"
LEGACY, REBOOT = "/machine.MachineService/Upgrade", "/machine.MachineService/Reboot"
GET = "/cosi.resource.State/Get"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Replay]:
    with Replay(tmp_path_factory.mktemp("replay")) as replay:
        yield replay


@pytest.fixture
def replay(server: Replay, monkeypatch: pytest.MonkeyPatch) -> Replay:
    monkeypatch.setenv("TALOSCONFIG", str(server.talosconfig))
    monkeypatch.setattr(power, "POLL_S", 0.01)
    server.nodes.clear()
    server.calls.clear()
    return server


def installer(replay: Replay, node: str, code: int) -> None:
    progress, response = pb.LifecycleServiceInstallProgress, pb.LifecycleServiceUpgradeResponse
    replay.on(node, PULL, pb.ImageServicePullResponse(name="x@sha256:1"))
    replay.on(
        node, INSTALL, response(progress=progress(message="writing\n")), response(progress=progress(exit_code=code))
    )


def rebooting(replay: Replay, node: str) -> None:
    """A node whose boots can be told apart: its status is made anew when it was asked to reboot."""
    boots = {"count": 0}

    def reboot(_request: Any) -> Sequence[Message]:
        boots["count"] += 1
        return [pb.RebootResponse(messages=[pb.Reboot(actor_id="a")])]

    def get(request: Any) -> Sequence[Message]:
        if request.type.startswith("Nodenames"):
            raise GRPCError(Status.NOT_FOUND, "no nodename")
        metadata = cosi.Metadata(id="machine")
        metadata.created.seconds = 1000 + boots["count"]
        text = "stage: running\nstatus:\n    ready: true\n"
        return [cosi.GetResponse(resource=cosi.Resource(metadata=metadata, spec=cosi.Spec(yaml_spec=text)))]

    replay.nodes.setdefault(node, {}).update({REBOOT: reboot, GET: get})


def asked(replay: Replay) -> list[tuple[str, str]]:
    return [
        (node, path.rpartition("/")[2]) for node, path, _ in replay.calls if path in (PULL, INSTALL, REBOOT, LEGACY)
    ]


def test_upgrade_installs_everywhere_then_reboots_one_after_the_other(
    replay: Replay, capsys: pytest.CaptureFixture[str]
) -> None:
    for node in (NODE, OTHER):
        installer(replay, node, 0)
        rebooting(replay, node)
    assert run(["-n", f"{NODE},{OTHER}", "upgrade", "-i", "x"]) == 0, capsys.readouterr().err
    assert asked(replay)[-2:] == [(NODE, "Reboot"), (OTHER, "Reboot")]
    assert sorted(asked(replay)[:-2]) == [(NODE, "Pull"), (NODE, "Upgrade"), (OTHER, "Pull"), (OTHER, "Upgrade")]
    assert "writing" in capsys.readouterr().err


def test_a_failed_installer_reboots_nothing(replay: Replay, capsys: pytest.CaptureFixture[str]) -> None:
    installer(replay, NODE, 1)
    rebooting(replay, NODE)
    assert run(["-n", NODE, "upgrade", "-i", "x"]) == 1
    assert ("status 1" in capsys.readouterr().err) and (NODE, "Reboot") not in asked(replay)


def test_a_node_that_fails_stops_those_behind_it(replay: Replay, capsys: pytest.CaptureFixture[str]) -> None:
    for node in (NODE, OTHER):
        installer(replay, node, 0)
        rebooting(replay, node)
    replay.fail(NODE, REBOOT, Status.FAILED_PRECONDITION, "not now")
    assert run(["-n", f"{NODE},{OTHER}", "upgrade", "-i", "x"]) == 1
    assert "not now" in capsys.readouterr().err and (OTHER, "Reboot") not in asked(replay)


@pytest.mark.parametrize("flag", ["--no-reboot", "--stage"])
def test_no_reboot(replay: Replay, flag: str) -> None:
    installer(replay, NODE, 0)
    assert run(["-n", NODE, "upgrade", "-i", "x", flag]) == 0
    assert asked(replay) == [(NODE, "Pull"), (NODE, "Upgrade")]


def test_nodes_from_before_do_it_by_themselves(replay: Replay) -> None:
    replay.on(NODE, LEGACY, pb.UpgradeResponse(messages=[pb.Upgrade(actor_id="a")]))
    assert run(["-n", NODE, "upgrade", "-i", "x", "--wait=false"]) == 0
    assert asked(replay)[-1] == (NODE, "Upgrade") and replay.calls[-1][1] == LEGACY


def test_rollback_waits_until_the_node_runs_again(replay: Replay, capsys: pytest.CaptureFixture[str]) -> None:
    rebooting(replay, NODE)
    path = "/machine.MachineService/Rollback"
    reboot = replay.nodes[NODE][REBOOT]

    def rollback(request: Any) -> Sequence[Message]:
        reboot(request)
        return [pb.RollbackResponse(messages=[pb.Rollback()])]

    replay.nodes[NODE][path] = rollback
    assert run(["-n", NODE, "rollback"]) == 0
    assert "running again" in capsys.readouterr().err


def test_a_reset_asks_for_exactly_what_the_flags_say(replay: Replay) -> None:
    path = "/machine.MachineService/Reset"
    replay.on(NODE, path, pb.ResetResponse(messages=[pb.Reset(actor_id="a")]))
    flags = ["--graceful=false", "--reboot", "--wait=false"]
    assert run(["-n", NODE, "reset", *flags, "--system-labels-to-wipe", "STATE,EPHEMERAL"]) == 0
    disks = ["--user-disks-to-wipe", "/dev/vdb,/dev/vdc", "--wipe-mode", "user-disks"]
    assert run(["-n", NODE, "reset", "--wait=false", *disks]) == 0
    first, second = (request for _, called, request in replay.calls if called == path)
    wiped = [pb.ResetPartitionSpec(label=label, wipe=True) for label in ("STATE", "EPHEMERAL")]
    assert first == pb.ResetRequest(reboot=True, system_partitions_to_wipe=wiped)
    assert second == pb.ResetRequest(
        graceful=True, user_disks_to_wipe=["/dev/vdb", "/dev/vdc"], mode=pb.ResetRequest.USER_DISKS
    )


def test_meta_and_wipe_send_what_was_written(replay: Replay, capsys: pytest.CaptureFixture[str]) -> None:
    from talos.api import storage_pb2

    replay.on(NODE, "/machine.MachineService/MetaWrite", pb.MetaWriteResponse())
    replay.on(NODE, "/storage.StorageService/BlockDeviceWipe", storage_pb2.BlockDeviceWipeResponse())
    replay.on(NODE, "/machine.LVMService/LogicalVolumeRemove", empty_pb2.Empty())
    assert run(["-n", NODE, "meta", "write", "0xa", "text"]) == 0
    assert run(["-n", NODE, "wipe", "disk", "vda", "vdb", "--method=ZEROES"]) == 0
    assert run(["-n", NODE, "wipe", "lv", "group/volume"]) == 0
    meta, wipe, volume = (request for _, _, request in replay.calls)
    assert (meta.key, meta.value) == (10, b"text")  # type: ignore[attr-defined]
    assert [(d.device, d.method) for d in wipe.devices] == [("vda", 1), ("vdb", 1)]  # type: ignore[attr-defined]
    assert (volume.volume_group, volume.logical_volume) == ("group", "volume")  # type: ignore[attr-defined]
    assert run(["-n", NODE, "meta", "write", "256", "text"]) == 1
    assert "0 to 255" in capsys.readouterr().err


def test_a_capture_goes_to_a_file_or_is_shown(
    replay: Replay, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import struct

    header = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)
    packet = struct.pack("<IIII", 0, 0, 14, 14) + bytes(12) + b"\x88\xcc"
    path = "/machine.MachineService/PacketCapture"
    replay.on(NODE, path, common_pb2.Data(bytes=header), common_pb2.Data(bytes=packet))
    assert run(["-n", NODE, "pcap", "-o", str(tmp_path / "a.pcap")]) == 0
    assert (tmp_path / "a.pcap").read_bytes() == header + packet
    assert run(["-n", NODE, "pcap", "-i", "lo"]) == 0
    assert "ethertype 0x88cc" in capsys.readouterr().out
    replay.fail(NODE, path, Status.NOT_FOUND, 'interface "nosuch" not found')
    assert run(["-n", NODE, "pcap", "-i", "nosuch", "-o", str(tmp_path / "b.pcap")]) == 1
    assert "nosuch" in capsys.readouterr().err and not (tmp_path / "b.pcap").exists()


def test_a_debug_container_ends_with_its_own_code(
    replay: Replay, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    archive = tmp_path / "image.tar"
    archive.write_bytes(b"x" * 100)
    answer = pb.DebugContainerRunResponse
    replay.on(NODE, "/machine.ImageService/Import", pb.ImageServiceImportResponse(name="imported"))
    replay.on(NODE, "/machine.DebugService/ContainerRun", answer(stdout_data=b"\xffhello\n"), answer(exit_code=3))
    assert run(["-n", NODE, "debug", str(archive), "--args", "ls,/"]) == 3
    assert capfdbinary.readouterr().out == b"\xffhello\n"
    spec = replay.calls[-1][2].spec  # type: ignore[attr-defined]
    assert (spec.image_name, list(spec.args)) == ("imported", ["ls", "/"])


@pytest.mark.parametrize("words", [["reboot"], ["rollback"], ["upgrade", "--image", "i:1", "--drain=false"]])
def test_debug_shows_the_kernels_log_and_waits(
    words: list[str], replay: Replay, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before the node goes and, from its start, when it is back; --wait=false does not switch it off."""
    rebooting(replay, NODE)
    installer(replay, NODE, 0)
    reboot = replay.nodes[NODE][REBOOT]

    def rollback(request: Any) -> Sequence[Message]:
        reboot(request)
        return [pb.RollbackResponse(messages=[pb.Rollback()])]

    replay.nodes[NODE]["/machine.MachineService/Rollback"] = rollback
    replay.on(NODE, "/machine.MachineService/Dmesg", common_pb2.Data(bytes=b"kern:    info: [x]: a line \x1b[2J\n"))
    slow = replay.nodes[NODE][GET]

    def get(request: Any) -> Sequence[Message]:
        # Twice: what the first answer held has been shown by then.
        if sum(path.endswith("/Dmesg") for _, path, _ in replay.calls) < 2 and any(
            path.endswith(("/Reboot", "/Rollback")) for _, path, _ in replay.calls
        ):
            raise GRPCError(Status.UNAVAILABLE, "gone")
        return slow(request)

    replay.nodes[NODE][GET] = get
    assert run([words[0], "-n", NODE, *words[1:], "--debug", "--wait=false"]) == 0
    said = capsys.readouterr().err
    assert f"{NODE}: kern:    info: [x]: a line \\x1b[2J" in said
    (first, *_) = [request for _, path, request in replay.calls if path.endswith("/Dmesg")]
    assert isinstance(first, pb.DmesgRequest) and (first.follow, first.tail) == (True, True)
