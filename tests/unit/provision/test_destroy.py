"""Removal touches a cluster's folder and nothing else, and ends what a monitor has just started."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from talos.provision import companion, create, destroy, monitors
from talos.provision.create import CreateError, CreateOptions
from talos.provision.model import ClusterDirectory, ProvisionError
from talos.talosctl.main import run


@pytest.mark.parametrize("name", ["", ".", "..", "../victim", "a/b", "/"])
def test_no_name_leads_out_of_the_state_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(ProvisionError, match="not the name of a cluster"):
        ClusterDirectory(tmp_path / "state", name)


@pytest.mark.parametrize("name", ["", "..", "../victim"])
@pytest.mark.parametrize("command", ["destroy", "show", "logs", "reboot"])
def test_every_command_names_the_flag(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, command: str
) -> None:
    state, victim = tmp_path / "state", tmp_path / "victim"
    state.mkdir()
    victim.mkdir()
    (victim / "file").touch()
    assert run(["cluster", command, "--state", str(state), "--name", name]) != 0
    assert "--name" in capsys.readouterr().err
    assert (victim / "file").exists()
    assert state.is_dir()


def test_a_folder_that_is_no_cluster_is_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "holiday.jpg").touch()
    with pytest.raises(ProvisionError, match=r"holiday\.jpg"):
        destroy.destroy(ClusterDirectory(tmp_path, "photos"))
    assert (folder / "holiday.jpg").exists()


def test_what_an_interrupted_removal_left_is_no_foreign_file(tmp_path: Path) -> None:
    directory = ClusterDirectory(tmp_path, "demo")
    (directory.path / "nodes" / "a").mkdir(parents=True)
    (directory.path / ".cluster.json.17").touch()
    assert directory.foreign() == []


def test_what_a_monitor_started_ends_with_it(tmp_path: Path) -> None:
    """As runc, which would go on alone and leave a node behind."""
    program = "import subprocess, time  # talos.provision.monitor\n"
    program += "print(subprocess.Popen(['/bin/sleep', '1000']).pid, flush=True); time.sleep(1000)"
    monitor = subprocess.Popen(
        [sys.executable, "-S", "-s", "-E", "-c", program, str(tmp_path), "demo", "node"],
        stdout=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    assert monitor.stdout is not None
    child = int(monitor.stdout.readline())
    monitors.kill(ClusterDirectory(tmp_path, "demo"))
    deadline = time.monotonic() + 5
    while not companion.gone(child) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert companion.gone(child)
    monitor.wait()
    monitor.stdout.close()


async def test_a_removal_that_fails_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Saying that all is gone would leave a bridge and its nodes with nobody looking for them."""

    def refuse(_directory: ClusterDirectory) -> None:
        raise TimeoutError("processes of demo do not end: [17]")

    async def fail(*_arguments: object) -> None:
        raise ProvisionError("no bridge")

    monkeypatch.setattr(create, "prepare", lambda _options, _directory: create.ClusterModel(
        "demo", "10.5.0.0/24", "10.5.0.1", 1500, "/image", "id", "/runc", "1.37.2"))  # fmt: skip
    monkeypatch.setattr(create, "_claim", lambda _directory, _model: None)
    monkeypatch.setattr(create, "_create", fail)
    monkeypatch.setattr(destroy, "destroy", refuse)
    with pytest.raises(CreateError, match=r"no bridge; what was made could not be removed \(processes") as caught:
        await create.create(CreateOptions("demo", tmp_path, inject_config=False))
    assert not caught.value.removed
