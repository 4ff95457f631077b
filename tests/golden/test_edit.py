"""talosctl edit: what the editor is shown, what is applied, and what an edit ends with that is none."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from grpclib import Status

from talos.api import cosi_resource_pb2 as cosi
from talos.api import machine_pb2 as pb
from talos.talosctl.main import run
from tests.golden.replay import Replay

NODE = "10.77.0.2"
GET, APPLY = "/cosi.resource.State/Get", "/machine.MachineService/ApplyConfiguration"
TEXT = "# of the configuration itself\nmachine:\n    type: worker # kept\ndebug: false\n"
EDITOR = """
import pathlib, sys
path, seen = pathlib.Path(sys.argv[-1]), pathlib.Path(sys.argv[1])
text = path.read_text()
with seen.open("a") as out:
    out.write(text + "=====")
path.write_text(text.replace(sys.argv[2], sys.argv[3]) if sys.argv[2] else "")
"""
Edit = Callable[[str, str], tuple[int, list[str], list[bytes]]]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Replay]:
    with Replay(tmp_path_factory.mktemp("replay")) as replay:
        yield replay


@pytest.fixture
def edit(server: Replay, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Edit:
    """edit(old, new) → exit code, what the editor was shown each time, configurations that were sent."""
    monkeypatch.setenv("TALOSCONFIG", str(server.talosconfig))
    server.nodes.clear()
    server.calls.clear()
    resource = cosi.Resource(spec=cosi.Spec(yaml_spec=TEXT))
    server.on(NODE, GET, cosi.GetResponse(resource=resource))
    server.on(NODE, APPLY, pb.ApplyConfigurationResponse(messages=[pb.ApplyConfiguration(mode_details="applied")]))
    (tmp_path / "editor.py").write_text(EDITOR)
    seen = tmp_path / "seen"

    def call(old: str, new: str) -> tuple[int, list[str], list[bytes]]:
        parts = (sys.executable, str(tmp_path / "editor.py"), str(seen), old, new)
        monkeypatch.setenv("EDITOR", " ".join(shlex.quote(part) for part in parts))
        code = run(["edit", "mc", "--nodes", NODE])
        sent = [message.data for _, path, message in server.calls if path == APPLY]  # type: ignore[attr-defined]
        return code, seen.read_text().split("=====")[:-1], sent

    return call


def test_an_edit_is_applied_with_the_comments_of_the_configuration(edit: Edit) -> None:
    code, (shown,), (sent,) = edit("debug: false", "debug: true")
    assert code == 0
    assert shown.endswith(TEXT) and NODE in shown.splitlines()[0]
    assert sent.decode() == TEXT.replace("debug: false", "debug: true")


@pytest.mark.parametrize("old", ["nothing that is there", ""])
def test_no_change_and_an_emptied_file_apply_nothing(edit: Edit, capsys: pytest.CaptureFixture[str], old: str) -> None:
    code, shown, sent = edit(old, "")
    assert (code, len(shown), sent) == (0, 1, [])
    assert "nothing changed" in capsys.readouterr().err


def test_a_refused_edit_is_shown_again_with_the_reason_and_ends_with_it(
    edit: Edit, server: Replay, capsys: pytest.CaptureFixture[str]
) -> None:
    server.fail(NODE, APPLY, Status.INVALID_ARGUMENT, "debug is neither true nor false")
    code, (_, again), sent = edit("debug: false", "debug: maybe")
    assert code == 1
    assert len(sent) == 1
    assert "# " in again and "debug is neither true nor false" in again
    assert again.endswith(TEXT.replace("debug: false", "debug: maybe"))
    err = capsys.readouterr().err
    assert "nothing was applied" in err and "debug is neither true nor false" in err
