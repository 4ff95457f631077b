"""The last control plane node loses its disk: a snapshot of etcd brings the cluster's objects back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.cluster import Cluster, at, wait_for


@pytest.fixture
def lone(host: None, tmp_path: Path) -> Iterator[Cluster]:
    made = at(tmp_path / "clusters", "lone")
    try:
        made.create("--controlplanes", "1", "--workers", "0")
        yield made
    finally:
        made.destroy()


def test_a_snapshot_brings_the_objects_back(lone: Cluster, tmp_path: Path) -> None:
    (node,) = lone.nodes
    target = ("--nodes", node.address)
    lone.kubectl("create", "configmap", "kept", "--from-literal=key=value")
    snapshot = tmp_path / "db.snapshot"
    lone.ok("etcd", "snapshot", str(snapshot), *target)
    lone.kubectl("create", "configmap", "later")
    before = lone.get("configmap", "kept")["metadata"]["uid"]

    refused = lone.try_talosctl("bootstrap", "--recover-from", snapshot, *target)
    assert refused.code != 0 and "etcd data directory is not empty" in refused.text

    lone.ok("reset", "--graceful=false", "--reboot", "--system-labels-to-wipe", "EPHEMERAL", *target)
    wait_for(lambda: lone.boots(node) == 2, "it boots again", 60)
    wait_for(lambda: lone.services(node).get("etcd", ("", ""))[0] != "", "it knows etcd", 60)
    assert lone.services(node)["etcd"][0] != "Running", "nothing may start by itself"

    damaged = tmp_path / "damaged"
    content = bytearray(snapshot.read_bytes())
    content[8192] ^= 1
    damaged.write_bytes(content)
    refused = lone.try_talosctl("bootstrap", "--recover-from", damaged, *target)
    assert refused.code != 0 and "damaged" in refused.text

    lone.ok("bootstrap", "--recover-from", snapshot, *target, retry_s=30)
    lone.wait_services(node)
    lone.wait_ready()
    assert lone.get("configmap", "kept")["metadata"]["uid"] == before
    names = {item["metadata"]["name"] for item in lone.get("configmaps")["items"]}
    assert "later" not in names
    assert lone.try_talosctl("list", "/var/lib/etcd.snapshot", *target).code != 0, "it holds the cluster's secrets"
    lone.kubectl("create", "configmap", "afterwards")
