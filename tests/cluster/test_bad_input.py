"""Bad input: the exit code is not 0, the text names field or flag and what to do next, and nothing has changed."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.cluster.cluster import CHECKOUT, TALOSCTL, Cluster, Done, at, run


def said(done: Done, *words: str) -> None:
    """It failed and said all of this."""
    assert done.code != 0, done.text
    for word in words:
        assert word.lower() in done.text.lower(), f"{word!r} is not in: {done.text}"
    assert "Traceback" not in done.text


@pytest.fixture
def unchanged(cluster: Cluster) -> Iterator[Cluster]:
    """Fails if the node's configuration, its processes or its boots are others afterwards."""
    node = cluster.nodes[0]

    def facts() -> tuple[object, ...]:
        saved = cluster.directory.node(node.name).state / "config.yaml"
        services = {cluster.process(node, name) for name in ("machined", "kubelet", "etcd", "containerd")}
        return cluster.resources(node, "mc")[0]["spec"], saved.read_bytes(), services, cluster.boots(node)

    before = facts()
    yield cluster
    assert facts() == before


def test_a_second_bootstrap_is_refused(unchanged: Cluster) -> None:
    said(unchanged.try_talosctl("bootstrap", "--nodes", unchanged.nodes[0].address), "etcd", unchanged.nodes[0].address)


def test_bootstrap_of_a_worker_is_refused(unchanged: Cluster) -> None:
    worker = unchanged.nodes[-1]
    said(unchanged.try_talosctl("bootstrap", "--nodes", worker.address), "control plane")


def config(cluster: Cluster) -> str:
    return cluster.directory.node(cluster.nodes[0].name).user_data.read_text()


def apply(cluster: Cluster, file: Path, *more: str, node: int = 0) -> Done:
    return cluster.try_talosctl("apply-config", "--nodes", cluster.nodes[node].address, "--file", file, *more)


def test_a_configuration_that_is_no_yaml_is_refused(unchanged: Cluster, tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("version: v1alpha1\nmachine: [unclosed\n")
    said(apply(unchanged, file), "line")


def test_an_absent_file_is_named(unchanged: Cluster, tmp_path: Path) -> None:
    said(apply(unchanged, tmp_path / "absent.yaml"), "absent.yaml")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda c: c.replace("version: v1alpha1", "version: v9alpha9", 1), ("version", "v9alpha9")),
        (lambda c: c.replace("\nmachine:\n", "\nmachine:\n    nonsense: 1\n", 1), ("nonsense",)),
        (lambda c: c + "\n---\napiVersion: v9\nkind: Unheard\n", ("Unheard", "line")),
        (lambda c: c + "\n---\napiVersion: v1alpha1\nkind: HostnameConfig\nhostname: [a]\n", ("hostname",)),
        (lambda c: "", ("empty",)),
    ],
    ids=["another version", "an unknown field", "an unknown kind", "a wrong type", "nothing"],
)
def test_a_configuration_that_is_wrong_names_the_field(
    unchanged: Cluster, tmp_path: Path, change: object, words: tuple[str, ...]
) -> None:
    file = tmp_path / "config.yaml"
    original = config(unchanged)
    changed = change(original)  # type: ignore[operator]
    assert changed != original
    file.write_text(changed)
    said(apply(unchanged, file), *words)


def test_a_machine_cannot_be_made_the_other_type(unchanged: Cluster, tmp_path: Path) -> None:
    """A worker's configuration for a control plane node would lose etcd."""
    file = tmp_path / "config.yaml"
    file.write_text(unchanged.directory.node(unchanged.nodes[-1].name).user_data.read_text())
    said(apply(unchanged, file), "type")


def test_a_dry_run_shows_the_change_and_makes_none(unchanged: Cluster, tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(config(unchanged))
    done = apply(unchanged, file, "--dry-run", "--config-patch", "debug: true")
    assert done.code == 0, done.text
    assert "-debug: false\n+debug: true" in done.text


def test_an_unknown_node_is_named(unchanged: Cluster) -> None:
    known, unknown = unchanged.nodes[0].address, unchanged.model.network[200]
    done = unchanged.try_talosctl("version", "--nodes", f"{known},{unknown}")
    said(done, str(unknown))
    assert known in done.out, "the node that answers is shown all the same"


def test_no_node_at_all_says_which_flag(unchanged: Cluster, tmp_path: Path) -> None:
    document = yaml.safe_load(unchanged.talosconfig.read_text())
    document["contexts"][document["context"]]["nodes"] = []
    file = tmp_path / "talosconfig"
    file.touch(0o600)
    file.write_text(yaml.safe_dump(document))
    said(run(TALOSCTL, "--talosconfig", file, "version"), "--nodes")


def test_an_unknown_resource_service_and_log_are_named(unchanged: Cluster) -> None:
    node = ("--nodes", unchanged.nodes[0].address)
    said(unchanged.try_talosctl("get", "unheard", *node), "unheard")
    said(unchanged.try_talosctl("service", "unheard", *node), "unheard")
    said(unchanged.try_talosctl("logs", "unheard", *node), "unheard")


# --- cluster create


@pytest.fixture
def absent(host: None, tmp_path: Path) -> Iterator[Cluster]:
    """A cluster that must not come to be: afterwards there is nothing of it."""
    refused = at(tmp_path / "state", "refused")
    yield refused
    left = refused.directory.exists()
    refused.destroy()
    assert not left, "the refused cluster's folder is still there"
    assert not Path("/sys/class/net", refused.directory.bridge).exists()


def test_a_taken_subnet_is_refused(cluster: Cluster, absent: Cluster) -> None:
    said(absent.try_create("--subnet", cluster.model.subnet), "--subnet", cluster.model.subnet)


def test_a_subnet_too_small_is_refused(absent: Cluster) -> None:
    said(absent.try_create("--subnet", "10.99.0.0/30", "--workers", "5"), "--subnet", "10.99.0.0/30")


def test_no_free_subnet_is_said(absent: Cluster) -> None:
    """A host that routes all of 10.0.0.0/8 and the other private networks has none to choose."""
    command = (
        "ip link set lo up; for n in 10.0.0.0/8 172.16.0.0/12 192.168.0.0/16; do ip route add blackhole $n; done; "
        f"exec {TALOSCTL} cluster create --name refused --state {absent.state} "
        f"--talosconfig-destination {absent.talosconfig} --kubeconfig-destination {absent.kubeconfig}"
    )
    said(run("unshare", "--net", "sh", "-c", command), "--subnet", "no free")


def test_an_existing_name_is_refused(cluster: Cluster) -> None:
    said(at(cluster.state, cluster.name).try_create(), cluster.name, "--name")
    cluster.wait_ready()


def test_a_full_disk_is_said(host: None, tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", small], check=True)
    try:
        full = at(small / "state", "full")
        said(full.try_create(), "disk full", "--state")
        assert not full.directory.exists()
    finally:
        subprocess.run(["umount", small], check=True)


def test_missing_privileges_are_said(host: None) -> None:
    """As nobody: the checkout may lie in a folder that only root enters, so Python is told where to look by root."""
    program = (
        "import os, sys; from talos.talosctl.main import main; import talos.talosctl.cluster.create, "
        "talos.provision.create; os.setgroups([]); os.setgid(65534); os.setuid(65534); "
        "sys.argv = ['talosctl', 'cluster', 'create', '--name', 'refused', '--state', '/tmp/refused-state', "
        "'--talosconfig-destination', '/tmp/refused-talosconfig', '--kubeconfig-destination', '/tmp/refused-kubeconfig'"
        "]; main()"
    )
    said(run(CHECKOUT / ".venv/bin/python", "-c", program), "root", "privileges")
    assert not Path("/tmp/refused-state").exists()


def test_a_missing_image_is_said(absent: Cluster) -> None:
    said(absent.try_create("--image", "/nonexistent/root.squashfs"), "/nonexistent/root.squashfs", "--image")


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (("--controlplanes", "0"), ("--controlplanes",)),
        (("--workers", "-1"), ("--workers",)),
        (("--memory-workers", "lots"), ("--memory-workers", "lots")),
        (("--config-patch", "machine: [unclosed"), ("--config-patch",)),
        (("--config-patch", "machine:\n  nonsense: 1\n"), ("nonsense",)),
        (("--kubernetes-version", "1.2.3"), ("1.2.3",)),
        (("--subnet", "10.99.0.0/24x"), ("--subnet", "10.99.0.0/24x")),
    ],
    ids=lambda value: " ".join(value).replace("\n", " ") if isinstance(value, tuple) else None,
)
def test_a_bad_flag_is_named(absent: Cluster, flags: tuple[str, ...], words: tuple[str, ...]) -> None:
    said(absent.try_create(*flags), *words)


def test_a_cluster_that_is_absent_is_named(host: None, tmp_path: Path) -> None:
    for command in ("destroy", "show"):
        said(run(TALOSCTL, "cluster", command, "--name", "absent", "--state", tmp_path), "absent", "not found")
    assert os.listdir(tmp_path) == []  # noqa: PTH208


def test_a_creation_that_fails_half_way_shows_logs_and_cleans_up(absent: Cluster, tmp_path: Path) -> None:
    """The image's PID 1 is no program: the nodes cannot start."""
    root = tmp_path / "root"
    for folder in ("proc", "sys", "dev", "run", "system", "tmp", "var", "sbin"):
        (root / folder).mkdir(parents=True)
    (root / "sbin/init").write_text("no program")
    (root / "sbin/init").chmod(0o755)
    image = tmp_path / "broken.squashfs"
    subprocess.run(["mksquashfs", root, image, "-quiet"], check=True, capture_output=True)
    done = absent.try_create("--image", image, timeout_s=120)
    said(done, "refused-controlplane-1")
    assert "init" in done.text or "exec format" in done.text.lower(), done.text
