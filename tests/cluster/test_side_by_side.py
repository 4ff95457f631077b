"""Clusters beside each other, and what is left on the host when one goes: nothing."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from talos.linux.mount import mounts
from talos.provision import cgroup, monitors
from tests.cluster.cluster import IMAGE, TALOSCTL, Cluster, at, run, wait_for


@pytest.fixture
def second(host: None, tmp_path: Path) -> Iterator[Cluster]:
    """A cluster not yet created, on a copy of the image, so that its loop device is told from the first one's."""
    shutil.copy(IMAGE, tmp_path / "root.squashfs")
    made = at(tmp_path / "clusters", "second")
    try:
        yield made
    finally:
        made.destroy()


def create(made: Cluster) -> None:
    made.create("--workers", "0", "--skip-injecting-config", "--image", made.state.parent / "root.squashfs")
    node = made.nodes[0]
    wait_for(lambda: run(TALOSCTL, "version", "--insecure", "--nodes", node.address).code == 0, "it answers", 60)


def traces(made: Cluster) -> list[str]:
    """Whatever there is on the host of a cluster: links, rules, control groups, mounts, loop devices, processes."""
    tag, path = made.directory.tag, str(made.state.parent)
    found = [f"link {link.name}" for link in Path("/sys/class/net").iterdir() if tag in link.name]
    found += [f"nft {line}" for line in run("nft", "list", "tables").out.splitlines() if made.directory.table in line]
    found += [f"cgroup {group}" for group in cgroup.groups(made.directory.cgroup)]
    found += [f"mount {entry.target}" for entry in mounts() if path in entry.target]
    for file in Path("/sys/block").glob("loop*/loop/backing_file"):
        with contextlib.suppress(OSError):
            if path in file.read_text():
                found.append(f"loop {file.parent.parent.name}")
    for process in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            # A node's processes know no path of the host: the control groups above count those.
            if process.name.isdigit() and path in (process / "cmdline").read_bytes().decode(errors="replace"):
                found.append(f"process {process.name}")
    return found


def test_a_second_cluster_comes_and_goes_without_a_trace(healthy: Cluster, second: Cluster) -> None:
    daemons = ("machined", "apid", "kubelet", "containerd")
    first = {node.name: {healthy.process(node, name) for name in daemons} for node in healthy.nodes}
    create(second)
    assert second.model.subnet != healthy.model.subnet
    shown = run(TALOSCTL, "cluster", "show", "--name", second.name, "--state", second.state)
    assert shown.code == 0, shown.text
    assert second.nodes[0].address in shown.out
    kinds = {trace.split()[0] for trace in traces(second)}
    assert kinds == {"link", "nft", "cgroup", "loop", "process"}, "what is looked for is what there is"
    second.destroy()
    wait_for(lambda: not traces(second), f"nothing is left: {traces(second)}", 30)
    assert not second.directory.exists()
    healthy.wait_ready()
    assert {node.name: {healthy.process(node, name) for name in daemons} for node in healthy.nodes} == first


@pytest.mark.parametrize("victim", ["monitor", "node"])
def test_a_damaged_cluster_is_destroyed_just_the_same(second: Cluster, victim: str) -> None:
    create(second)
    status = monitors.status(second.directory, second.nodes[0])
    assert status is not None
    os.kill(status.pid if victim == "monitor" else status.init_pid, signal.SIGKILL)
    second.destroy()
    wait_for(lambda: not traces(second), f"nothing is left: {traces(second)}", 30)
    assert not second.directory.exists()


def test_a_cluster_is_destroyed_once(second: Cluster) -> None:
    create(second)
    second.destroy()
    done = run(TALOSCTL, "cluster", "destroy", "--name", second.name, "--state", second.state)
    assert done.code != 0
    assert "not found" in done.err
