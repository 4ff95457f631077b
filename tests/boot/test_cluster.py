"""`talosctl cluster create qemu`: a machine on the bridge, reached by its address; nothing is left when it goes."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from talos.linux.netlink_socket import RouteSocket
from talos.provision import companion, monitors
from talos.provision.model import ClusterDirectory

from .cluster import Cluster

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root: bridge and TAP devices"),
]


@pytest.fixture
def cluster(built: dict[str, Path], tmp_path: Path) -> Iterator[Cluster]:
    del built
    found = Cluster(tmp_path, "boot-test")
    try:
        yield found
    finally:
        found.destroy()


def links(directory: ClusterDirectory) -> list[str]:
    with RouteSocket() as sockets:
        return [link.name for link in sockets.links() if directory.tag in link.name]


def test_one_machine_is_created_reached_shown_and_removed(cluster: Cluster) -> None:
    cluster.create("--presets", "disk-image", "--workers", "0", "--no-wait")
    node = cluster.node
    end = time.monotonic() + 60
    while "running" not in (shown := cluster.cluster("show")):  # its monitor has just been told
        assert time.monotonic() < end, shown
    assert "qemu" in shown
    assert f"{node.name}" in shown
    assert "Server:" in cluster.until("version")
    assert node.name in cluster.until("get", "hostname")
    (monitor,) = monitors.find(cluster.directory)
    status = monitors.status(cluster.directory, node)
    assert status is not None
    cluster.cluster("destroy")
    assert not cluster.directory.exists()
    assert links(cluster.directory) == []
    end = time.monotonic() + 60
    while not all(companion.gone(process) for process in (monitor, status.init_pid)):
        assert time.monotonic() < end
        time.sleep(0.1)


@pytest.mark.skipif("TALOS_LONG" not in os.environ, reason="half an hour under emulation: make test-boot-long")
@pytest.mark.timeout(4000)
def test_a_machine_installs_itself_from_the_iso_and_becomes_ready(cluster: Cluster) -> None:
    """The smallest that is promised with a control plane: 2 GiB, 2 cores, 10 GB. Workers: test_worker."""
    sizes = ("--memory", "2GiB", "--cpus", "2", "--disks", "virtio:10GB")
    said = cluster.create("--workers", "0", *sizes, timeout_s=3700)
    assert "1 node is Ready" in said
    assert cluster.kubeconfig.exists()
