"""`talosctl cluster create qemu`: a machine on the bridge, reached by its address; nothing is left when it goes."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from talos.linux.netlink_socket import RouteSocket
from talos.provision import monitors
from talos.provision.model import ClusterDirectory

from .machine import BOOT, BOOT_TIMEOUT_S, TALOSCTL

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root: bridge and TAP devices"),
]
NAME = "boot-test"


class Cluster:
    """A cluster by command line, in a state folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.state, self.talosconfig, self.kubeconfig = folder / "state", folder / "talosconfig", folder / "kubeconfig"
        self.directory = ClusterDirectory(self.state, NAME)

    def run(self, *words: str, timeout_s: float = 120) -> subprocess.CompletedProcess[str]:
        return subprocess.run([TALOSCTL, *words], capture_output=True, text=True, timeout=timeout_s, check=False)

    def cluster(self, command: str, *words: str, timeout_s: float = 120) -> str:
        where = ("--name", NAME, "--state", str(self.state))
        done = self.run("cluster", *command.split(), *where, *words, timeout_s=timeout_s)
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr

    def create(self, *words: str, timeout_s: float = 120) -> str:
        files = ("--talosconfig", str(self.talosconfig), "--kubeconfig-destination", str(self.kubeconfig))
        return self.cluster("create qemu", "--image", str(BOOT), *files, *words, timeout_s=timeout_s)

    def until(self, *words: str, timeout_s: float = BOOT_TIMEOUT_S) -> str:
        """The answer of a command that is repeated until it works."""
        end = time.monotonic() + timeout_s
        while (done := self.run(*words)).returncode != 0:
            alive = monitors.find(self.directory)
            assert alive and time.monotonic() < end, f"{done.stderr}: …{self.console[-3000:]}"
            time.sleep(1)
        return done.stdout

    @property
    def console(self) -> str:
        file = self.directory.node(f"{NAME}-controlplane-1").console
        return file.read_text(errors="replace") if file.exists() else ""


@pytest.fixture
def cluster(built: dict[str, Path], tmp_path: Path) -> Iterator[Cluster]:
    del built
    found = Cluster(tmp_path)
    try:
        yield found
    finally:
        if found.directory.exists():
            found.cluster("destroy")


def links(directory: ClusterDirectory) -> list[str]:
    with RouteSocket() as sockets:
        return [link.name for link in sockets.links() if directory.tag in link.name]


def test_one_machine_is_created_reached_shown_and_removed(cluster: Cluster) -> None:
    cluster.create("--presets", "disk-image", "--workers", "0", "--no-wait")
    node = cluster.directory.load().nodes[0]
    shown = cluster.cluster("show")
    assert "qemu" in shown
    assert f"{node.name}" in shown
    assert "running" in shown
    config = ("--talosconfig", str(cluster.talosconfig))
    answer = cluster.until(*config, "version", "-n", node.address, "-e", node.address)
    assert "Server:" in answer
    assert node.name in cluster.until(*config, "get", "hostname", "-n", node.address, "-e", node.address)
    (monitor,) = monitors.find(cluster.directory)
    status = monitors.status(cluster.directory, node)
    assert status is not None
    cluster.cluster("destroy")
    assert not cluster.directory.exists()
    assert links(cluster.directory) == []
    for process in (monitor, status.init_pid):
        assert not Path(f"/proc/{process}").exists()


@pytest.mark.skipif("TALOS_LONG" not in os.environ, reason="minutes under emulation: make test-boot-long")
def test_machines_install_themselves_from_the_iso_and_become_ready(cluster: Cluster) -> None:
    said = cluster.create("--workers", "0", timeout_s=3600)
    assert "1 node is Ready" in said
    assert cluster.kubeconfig.exists()
