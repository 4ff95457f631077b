"""Upgrade and rollback of a node, and images that break: each returns to the old slot unaided, with the reason.

A cluster of its own with one node, since a node that changes its image disturbs the tests beside it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from talos.provision import monitors
from tests.cluster import images
from tests.cluster.cluster import Cluster, at, wait_for

pytestmark = pytest.mark.slow
PATIENCE_S = 900.0
LONG = pytest.mark.skipif("TALOS_LONG" not in os.environ, reason="a sweep: make test-cluster-long")


@pytest.fixture(scope="module")
def node_cluster(host: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """One control plane node."""
    made = at(tmp_path_factory.mktemp("upgrade"), "upgrade")
    try:
        made.create("--controlplanes", "1", "--workers", "0")
        yield made
    finally:
        made.destroy()


@pytest.fixture(scope="module")
def healthy_image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return images.healthy(tmp_path_factory.mktemp("images"))


def version(cluster: Cluster) -> str:
    return str(cluster.resources(cluster.nodes[0], "version")[0]["spec"]["version"])


def last_attempt(cluster: Cluster) -> dict[str, str]:
    attempts = cluster.resources(cluster.nodes[0], "upgradehistory")
    found: dict[str, str] = max(attempts, key=lambda item: int(item["metadata"]["id"]))["spec"]
    return found


def slots(cluster: Cluster) -> list[str]:
    folder = cluster.directory.node(cluster.nodes[0].name).boot / "EFI/Linux"
    return sorted(file.name for file in folder.glob("*.efi"))


def limit_boots(cluster: Cluster, seconds: float) -> None:
    """The monitor's patience, from the next boot on; the node's own is half of it."""
    model = cluster.model
    model.boot_limit_s = seconds
    cluster.directory.save(model)


def test_dry_run_says_what_would_change_and_changes_nothing(node_cluster: Cluster, healthy_image: Path) -> None:
    before = slots(node_cluster)
    node = node_cluster.nodes[0]
    text = node_cluster.ok("upgrade", "--dry-run", "--image", healthy_image, "-n", node.address)
    assert f"would write {images.HEALTHY} ({healthy_image}) to slot B" in text
    assert "v1.14.0 from slot A runs again" in text
    assert "nothing to go back to" in node_cluster.ok("rollback", "--dry-run", "-n", node.address)
    assert slots(node_cluster) == before


def test_upgrade_runs_the_new_image_and_keeps_it(node_cluster: Cluster, healthy_image: Path) -> None:
    node = node_cluster.nodes[0]
    done = node_cluster.try_talosctl("upgrade", "--image", healthy_image, "-n", node.address, timeout_s=PATIENCE_S)
    assert done.code == 0, done.text
    assert f"{images.HEALTHY} runs from slot B and is confirmed" in done.err
    assert version(node_cluster) == images.HEALTHY
    assert last_attempt(node_cluster)["outcome"] == "confirmed"
    assert slots(node_cluster) == ["talos-A-v1.14.0+3.efi", f"talos-B-{images.HEALTHY}+3.efi"]
    node_cluster.wait_ready()


def test_rollback_runs_what_ran_before(node_cluster: Cluster) -> None:
    node = node_cluster.nodes[0]
    done = node_cluster.try_talosctl("rollback", "--wait", "-n", node.address, timeout_s=PATIENCE_S)
    assert done.code == 0, done.text
    assert version(node_cluster) == "v1.14.0"
    assert last_attempt(node_cluster)["kind"] == "rollback"
    # The newer version stands first for the loader, whatever boots are left for the older one: it must have none.
    assert slots(node_cluster) == ["talos-A-v1.14.0+3.efi", f"talos-B-{images.HEALTHY}+0.efi"]


BAD = {
    "PID 1 ends": (images.dead, images.DEAD, "PID 1 ended with status 1"),
    "API silent": (images.silent, images.SILENT, "the API does not answer"),
    "unhealthy": (images.unhealthy, images.UNHEALTHY, "kubelet"),
}


@pytest.mark.parametrize("what", list(BAD))
def test_a_bad_image_returns_to_the_old_one_unaided(node_cluster: Cluster, tmp_path: Path, what: str) -> None:
    make, tag, words = BAD[what]
    node = node_cluster.nodes[0]
    image = make(tmp_path)
    limit_boots(node_cluster, 180.0)
    try:
        done = node_cluster.try_talosctl("upgrade", "--image", image, "-n", node.address, timeout_s=PATIENCE_S)
    finally:
        limit_boots(node_cluster, 600.0)
    assert done.code == 1, done.text
    assert f"upgrade to {tag} failed, v1.14.0 runs again" in done.err
    assert words in done.err
    assert version(node_cluster) == "v1.14.0"
    attempt = last_attempt(node_cluster)
    assert (attempt["toVersion"], attempt["outcome"]) == (tag, "failed")
    refused = node_cluster.try_talosctl("rollback", "-n", node.address)
    assert refused.code == 1
    assert "did not come up when it was tried" in refused.err


def test_a_damaged_file_is_refused_and_changes_nothing(
    node_cluster: Cluster, healthy_image: Path, tmp_path: Path
) -> None:
    node, before = node_cluster.nodes[0], slots(node_cluster)
    data = bytearray(healthy_image.read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / "flipped").write_bytes(data)
    done = node_cluster.try_talosctl("upgrade", "--image", tmp_path / "flipped", "-n", node.address)
    assert done.code == 1
    assert "is damaged" in done.err
    assert slots(node_cluster) == before


@LONG
def test_machined_may_be_killed_in_every_phase(node_cluster: Cluster, healthy_image: Path) -> None:
    """SIGKILL to machined while the image is written, and whenever a new phase shows in its log."""
    node = node_cluster.nodes[0]
    log = node_cluster.directory.node(node.name).ephemeral / "log/machined.log"
    start = log.stat().st_size
    killed: set[str] = set()
    with ThreadPoolExecutor(1) as pool:
        command = ("upgrade", "--image", healthy_image, "-n", node.address)
        first = pool.submit(node_cluster.try_talosctl, *command, timeout_s=PATIENCE_S)
        incoming = node_cluster.directory.node(node.name).boot / "EFI/Linux/.incoming"
        deadline = time.monotonic() + PATIENCE_S
        upgrading = first
        while not (upgrading.done() and upgrading.result().code == 0):
            assert time.monotonic() < deadline, f"not upgraded; killed in {killed}\n{node_cluster.logs()}"
            if incoming.exists() and "write" not in killed:
                kill_machined(node_cluster)
                killed.add("write")
            if upgrading.done():  # the write that machined did not survive: the person asks again
                upgrading = pool.submit(node_cluster.try_talosctl, *command, timeout_s=PATIENCE_S)
            with contextlib.suppress(OSError), log.open("rb") as file:
                file.seek(start)
                text = file.read().decode(errors="replace")
                for phase in ("cleanup", "stopEverything", "reboot"):
                    if f"phase {phase} (" in text and phase not in killed:
                        killed.add(phase)
                        kill_machined(node_cluster)
            time.sleep(0.02)
    assert "write" in killed
    wait_for(lambda: version(node_cluster) == images.HEALTHY, "the new version runs", PATIENCE_S)
    assert last_attempt(node_cluster)["outcome"] == "confirmed"


def kill_machined(cluster: Cluster) -> None:
    """Whatever it is called in /proc right now; none is fine, it may just be starting."""
    for process in cluster.all_processes(cluster.nodes[0]):
        if process.name == "machined":
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGKILL)


@LONG
@pytest.mark.parametrize("when", ["while it is written", "when it is set", "during the trial"])
def test_power_cut(node_cluster: Cluster, healthy_image: Path, when: str) -> None:
    """SIGKILL to PID 1, and the node is started anew: old or new system, whole."""
    node = node_cluster.nodes[0]
    files = node_cluster.directory.node(node.name)
    running = version(node_cluster)
    boots = node_cluster.boots(node)
    with ThreadPoolExecutor(1) as pool:
        upgrading = pool.submit(
            node_cluster.try_talosctl, "upgrade", "--image", healthy_image, "-n", node.address, "--timeout", "120s"
        )
        folder = files.boot / "EFI/Linux"
        reached = {
            "while it is written": lambda: (folder / ".incoming").exists(),
            "when it is set": lambda: any("+1.efi" in name for name in slots(node_cluster)),
            "during the trial": lambda: node_cluster.boots(node) > boots,
        }[when]
        wait_for(reached, when, PATIENCE_S, pause_s=0.01)
        os.kill(node_cluster.init_pid(node), signal.SIGKILL)
        upgrading.result()
    status = monitors.status(node_cluster.directory, node)
    if status is None or not status.alive:
        monitors.start(node_cluster.directory, node)
    wait_for(lambda: version(node_cluster) in (running, images.HEALTHY), "one of both runs", PATIENCE_S)
    node_cluster.wait_ready(PATIENCE_S)
    wait_for(lambda: last_attempt(node_cluster)["outcome"] not in ("trial", "staged"), "it is decided", PATIENCE_S)
