"""An image without one controller: exactly what that controller does is missing, everything else works.

That shows that the state drives the node. A script beside it would go on doing the work.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.cluster import CHECKOUT, Cluster, at, run, wait_for

pytestmark = pytest.mark.slow

LABEL = "node-role.kubernetes.io/control-plane"


@pytest.fixture
def without(host: None, tmp_path: Path) -> Callable[[str], Any]:
    """`with without("k8s/manifest_apply") as cluster`: one node on an image built without that module, bootstrapped."""

    @contextmanager
    def make(module: str) -> Iterator[Cluster]:
        package, out = tmp_path / "talos", tmp_path / "image"
        shutil.copytree(CHECKOUT / "src/talos", package, ignore=shutil.ignore_patterns("__pycache__"))
        (package / "controllers" / f"{module}.py").unlink()
        builder = (CHECKOUT / ".venv/bin/python", "-m", "talos.imager", "build", "--level", "1")
        built = run(*builder, "--package", package, "--out", out)
        assert built.code == 0, built.text
        made = at(tmp_path / "clusters", "reduced")
        try:
            made.create("--workers", "0", "--image", out / "root.squashfs", "--no-wait")
            made.ok("version", "--nodes", made.nodes[0].address, retry_s=60)
            made.ok("bootstrap", "--nodes", made.nodes[0].address, retry_s=60)
            yield made
        finally:
            made.destroy()

    return make


def kubernetes(made: Cluster) -> None:
    """Until the API server knows the node."""
    made.ok("kubeconfig", made.kubeconfig, "--force", "--nodes", made.nodes[0].address, retry_s=60)
    wait_for(lambda: made.get("nodes")["items"], "the node is registered", 180, pause_s=1)


def node_labels(made: Cluster) -> dict[str, str]:
    labels: dict[str, str] = made.get("nodes")["items"][0]["metadata"]["labels"]
    return labels


def test_without_the_manifest_controller_no_addon_is_applied(without: Callable[[str], Any]) -> None:
    with without("k8s/manifest_apply") as made:
        kubernetes(made)
        wait_for(lambda: LABEL in node_labels(made), "the node is labelled by another controller", 120, pause_s=1)
        wait_for(lambda: len(made.get("pods", "-n", "kube-system")["items"]) == 3, "the static pods run", 120)
        made.wait_services(made.nodes[0])
        assert made.get("daemonsets,deployments", "-n", "kube-system")["items"] == []
        assert made.resources(made.nodes[0], "manifests"), "the manifests are rendered all the same"
        assert made.ready_names() == set(), "without a network plugin no node is Ready"


def test_without_the_node_controller_its_labels_are_missing(without: Callable[[str], Any]) -> None:
    with without("k8s/node_apply") as made:
        kubernetes(made)
        made.wait_ready()
        made.wait_pods()
        assert LABEL not in node_labels(made)
        assert "kubernetes.io/hostname" in node_labels(made), "the kubelet's own labels and its taint are there"
        assert [taint["key"] for taint in made.get("nodes")["items"][0]["spec"]["taints"]] == [LABEL]
        specs = {resource["metadata"]["id"] for resource in made.resources(made.nodes[0], "nodelabelspec")}
        assert LABEL in specs, "that the label is wanted is known all the same"


def test_without_the_kubelet_controller_no_kubelet_runs(without: Callable[[str], Any]) -> None:
    with without("k8s/kubelet_spec") as made:
        node = made.nodes[0]
        wait_for(lambda: made.services(node).get("etcd") == ("Running", "OK"), "etcd runs", 120)
        assert made.services(node)["kubelet"][0] == "Waiting"
        assert made.services(node)["cri"] == ("Running", "OK")
        assert made.resources(node, "kubeletspec") == []
        assert made.resources(node, "kubeletconfig"), "its input is there"
        assert not [process for process in made.all_processes(node) if process.name in ("kubelet", "kube-apiserver")]
