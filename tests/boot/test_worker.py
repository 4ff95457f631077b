"""The smallest machine that is promised: 1 GiB and 1 core become a worker.

Its control plane node runs in a container on the same bridge, where it costs what it costs: emulated too, the API
server would answer so slowly that the test would measure the emulator.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from talos.provision import machine, network, qemu
from talos.provision.configs import local_patch
from talos.provision.model import QEMU, WORKER, NodeModel

from .cluster import Cluster
from .machine import BOOT, ROOT

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(3600),
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root: bridge and TAP devices"),
    pytest.mark.skipif("TALOS_LONG" not in os.environ, reason="minutes under emulation: make test-boot-long"),
]
KUBECTL = ROOT / "_out/bin/kubectl"
PATIENCE_S = 1800.0


@pytest.fixture
def cluster(built: dict[str, Path], tmp_path: Path) -> Iterator[Cluster]:
    """One control plane node in a container."""
    del built
    made = Cluster(tmp_path, "boot-mixed")
    try:
        files = ("--talosconfig", str(made.talosconfig), "--kubeconfig-destination", str(made.kubeconfig))
        made.cluster("create", "--workers", "0", *files, timeout_s=600)
        yield made
    finally:
        made.destroy()


def worker_configuration(cluster: Cluster, folder: Path) -> str:
    """For a machine of this cluster, made as a person makes it who lost the cluster's secrets and has its node."""
    control_plane = cluster.directory.node(cluster.node.name).user_data
    secrets, patch, made = folder / "secrets.yaml", folder / "local.yaml", folder / "worker.yaml"
    patch.write_text(local_patch([cluster.directory.load().gateway]))
    cluster.until_run("gen", "secrets", "--from-controlplane-config", control_plane, "-o", secrets)
    generate = ("gen", "config", cluster.name, f"https://{cluster.node.address}:6443", "--with-secrets", secrets)
    options = ("--install-disk", "/dev/vda", "--config-patch", f"@{patch}", "-t", "worker", "-o", made)
    cluster.until_run(*generate, *options)
    return made.read_text()


@contextmanager
def joining(cluster: Cluster, node: NodeModel, configuration: str) -> Iterator[subprocess.Popen[bytes]]:
    """The machine, which installs itself from the ISO with what its seed tells; off when the context ends."""
    iso = BOOT / "cloud-amd64.iso"
    emulated = qemu.accelerator(BOOT / "cloud-amd64-kernel") == qemu.EMULATION
    model = replace(
        cluster.directory.load(),
        provisioner=QEMU,
        preset=machine.ISO,
        image=str(iso),
        disks=[10 << 30],
        emulated=emulated,
    )
    cluster.directory.node(node.name).path.mkdir(parents=True)
    machine.prepare(cluster.directory, model, node, configuration)
    tap = network.tap(cluster.directory, model, node)
    command = qemu.command(machine.specification(cluster.directory, model, node, tap))
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, pass_fds=[tap]) as process:
        os.close(tap)
        try:
            yield process
        finally:
            process.kill()


def test_a_machine_of_one_gibibyte_and_one_core_becomes_a_ready_worker(cluster: Cluster, tmp_path: Path) -> None:
    first = cluster.node
    address = str(cluster.directory.load().network[9])
    node = NodeModel("boot-mixed-metal", WORKER, address, 9, memory=1 << 30, cpus=1.0)
    with joining(cluster, node, worker_configuration(cluster, tmp_path)) as process:
        cluster.wait_ready(KUBECTL, PATIENCE_S, {first.name, node.name})
        assert process.poll() is None
        (machine_type,) = cluster.of(node, "get", "machinetype", "-o", "jsonpath={.spec}").split()
        assert machine_type == "worker"
        assert "system disk /dev/vda" in cluster.directory.node(node.name).console.read_text(errors="replace")
