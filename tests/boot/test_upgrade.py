"""The life of a machine with Kubernetes on it, as a person leads it: the ISO, apply-config without a certificate, a
Ready node, another version and back. One machine for all of it, since each boot under emulation takes minutes; the
tests stand in its order.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from talos.provision.configs import local_patch
from talos.slots import payload
from tests.cluster import images

from .broken import unified
from .cluster import Cluster
from .machine import ROOT

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(7200),
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root: bridge and TAP devices"),
    pytest.mark.skipif("TALOS_LONG" not in os.environ, reason="an hour under emulation: make test-boot-long"),
]
KUBECTL = ROOT / "_out/bin/kubectl"
PATIENCE_S = 3600.0
OLD, NEW = "v1.14.0", images.HEALTHY


@pytest.fixture(scope="module")
def machine(built: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """2 GiB, 2 cores and a disk of 10 GB, started from the ISO, configured by hand, and Ready."""
    del built
    folder = tmp_path_factory.mktemp("life")
    made = Cluster(folder, "boot-life")
    try:
        made.create("--presets", "iso,maintenance", "--workers", "0", "--disks", "virtio:10GB")
        address = made.node.address
        stranger = ("--insecure", "-n", address, "-e", address)
        made.until_run("version", *stranger)
        patch = folder / "local.yaml"
        patch.write_text(local_patch([made.directory.load().gateway]))
        generate = ("gen", "config", "boot-life", f"https://{address}:6443", "-o", folder / "configs")
        given = made.run(*generate, "--install-disk", "/dev/vda", "--config-patch", f"@{patch}")
        assert given.returncode == 0, given.stderr
        applied = made.run("apply-config", *stranger, "-f", folder / "configs/controlplane.yaml")
        assert applied.returncode == 0, applied.stderr
        made.talosconfig = folder / "configs/talosconfig"
        made.until("bootstrap", timeout_s=PATIENCE_S)
        made.until("kubeconfig", made.kubeconfig, "--merge=false", "--force")
        made.wait_ready(KUBECTL, PATIENCE_S)
        yield made
    finally:
        made.destroy()


@pytest.fixture(scope="module")
def new_image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same system under another version."""
    folder = tmp_path_factory.mktemp("image")
    images.healthy(folder)
    image = unified(folder, folder / "image")
    assert payload.read(image).version == NEW
    return image


def version(machine: Cluster) -> str:
    (spec,) = machine.resources("version")
    return str(spec["version"])


def test_the_machine_installed_itself_and_is_ready(machine: Cluster) -> None:
    assert "system disk /dev/vda" in machine.console
    machine.wait_ready(KUBECTL, 60)
    assert version(machine) == OLD


def test_a_dry_run_lists_what_would_change_and_changes_nothing(machine: Cluster, new_image: Path) -> None:
    deadline = time.monotonic() + PATIENCE_S  # a node that has just become Ready has none of the pods yet
    while "would move pod kube-system/coredns" not in (
        text := machine.until("upgrade", "--dry-run", "--image", new_image)
    ):
        assert time.monotonic() < deadline, text
    assert f"would write {NEW} ({new_image}) to slot B, which is empty, and reboot into it" in text
    assert f"if it does not come up healthy, {OLD} from slot A runs again" in text
    assert "refused: there is nothing to go back to" in machine.until("rollback", "--dry-run")
    assert machine.resources("upgradehistory") == []
    assert version(machine) == OLD


def test_an_upgrade_runs_the_new_version_and_keeps_it(machine: Cluster, new_image: Path) -> None:
    began = time.monotonic()
    done = machine.talosctl("upgrade", "--image", new_image, timeout_s=PATIENCE_S)
    print(f"upgrade: {time.monotonic() - began:.0f} s")
    assert done.returncode == 0, done.stderr
    assert f"{NEW} runs from slot B and is confirmed" in done.stderr
    assert version(machine) == NEW
    (attempt,) = machine.resources("upgradehistory")
    assert (attempt["kind"], attempt["fromVersion"], attempt["toVersion"]) == ("upgrade", OLD, NEW)
    assert (attempt["outcome"], attempt["slot"]) == ("confirmed", "B")
    machine.wait_ready(KUBECTL, PATIENCE_S)


def test_a_rollback_waits_until_the_old_version_is_ready(machine: Cluster) -> None:
    began = time.monotonic()
    done = machine.talosctl("rollback", "--wait", timeout_s=PATIENCE_S)
    print(f"rollback: {time.monotonic() - began:.0f} s")
    assert done.returncode == 0, done.stderr
    assert f"{OLD} runs from slot A and is confirmed" in done.stderr
    machine.wait_ready(KUBECTL, 60)
    assert version(machine) == OLD
    assert [(a["kind"], a["outcome"]) for a in machine.resources("upgradehistory")][-1] == ("rollback", "confirmed")
