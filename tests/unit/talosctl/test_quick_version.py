"""`talosctl version` without the tree of commands says what it says with it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest
from grpclib import Status
from hypothesis import given
from hypothesis import strategies as st
from tests.golden.replay import Replay

from talos.api import common_pb2, machine_pb2
from talos.client import Context, TalosConfig
from talos.talosctl import main, quick_version

VERSION = "/machine.MachineService/Version"


@pytest.fixture(scope="module")
def replay(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Replay]:
    with Replay(tmp_path_factory.mktemp("replay")) as found:
        info = machine_pb2.VersionInfo(tag="v1", sha="abc", built="now", go_version="go1", os="linux", arch="arm64")
        message = machine_pb2.Version(
            metadata=common_pb2.Metadata(hostname="x"),
            version=info,
            platform=machine_pb2.PlatformInfo(name="metal", mode="metal"),
            features=machine_pb2.FeaturesInfo(rbac=True),
        )
        found.on("one", VERSION, machine_pb2.VersionResponse(messages=[message]))
        found.on("two", VERSION, machine_pb2.VersionResponse(messages=[machine_pb2.Version(), message]))
        found.on("empty", VERSION, machine_pb2.VersionResponse())
        found.fail("bad", VERSION, Status.PERMISSION_DENIED, "not authorized")
        config = TalosConfig.load(found.talosconfig)
        context = config.select()
        config.contexts["nodes"] = Context(context.endpoints, ["one"], context.ca, context.crt, context.key)
        config.save(found.talosconfig)
        yield found


@pytest.mark.parametrize(
    ("line", "quick"),
    [
        ("-n one version", True),
        ("version --nodes=one --short", True),
        ("version -n one,two -n bad", True),
        ("version -n one -n one,empty,nowhere", True),
        ("version --context nodes", True),
        ("--context=nodes version", True),
        ("version -n one -e 127.0.0.1:1", True),
        ("version", False),  # no node
        ("version -none", False),
        ("version -n one --json", False),
        ("version -n one --client=false", False),
        ("version -n one --short=false", False),
        ("version --context none", False),
        ("version -n one -e [", True),
        ("version one", False),
        ("version version", False),
        ("version -n", False),
    ],
)
def test_both_ways_are_one_command(
    line: str, quick: bool, replay: Replay, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ["--talosconfig", str(replay.talosconfig), *line.split()]
    code = quick_version.run(arguments)
    assert (code is not None) == quick
    if not quick:
        assert capsys.readouterr() == ("", "")
        return
    short = capsys.readouterr()
    assert main._run(arguments) == code
    assert capsys.readouterr() == short


def test_it_imports_little(replay: Replay) -> None:
    code = (
        "import sys; from talos.talosctl.main import run\n"
        f"assert run(['version', '-n', 'one', '--talosconfig', {str(replay.talosconfig)!r}]) == 0\n"
        "print([m for m in ('click', 'asyncio', 'yaml', 'google.protobuf', 'cryptography', 'h2', 'grpclib.client', "
        "'dataclasses', 'inspect', 'pathlib', 'rich', 'msgspec') if m in sys.modules])"
    )
    out = subprocess.run(
        [sys.executable, "-S", "-c", f"import sys; sys.path[:] = {sys.path!r}\n{code}"], capture_output=True, text=True
    )
    assert out.stdout.splitlines()[-1:] == ["[]"], out


@given(st.binary(max_size=60))
def test_any_answer_is_shown_or_said_to_be_unreadable(data: bytes) -> None:
    error = quick_version._show("n", data)
    assert not error or "unreadable answer" in error


@given(st.text(max_size=300), st.binary(max_size=8))
def test_fields_are_those_of_protobuf(sha: str, more: bytes) -> None:
    """Also behind fields that a newer node adds: a number, eight bytes, four bytes."""
    info = machine_pb2.VersionInfo(tag="t", sha=sha).SerializeToString()
    data = b"\x98\x06\x96\x01" + b"\xa1\x06" + bytes(8) + b"\xad\x06" + bytes(4) + info
    assert quick_version._fields(data)[2 if sha else 1] == [sha.encode() if sha else b"t"]
