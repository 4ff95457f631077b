"""Three control plane nodes: losing one without warning stops nothing, and it comes back as the member it was."""

from __future__ import annotations

import json
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from talos.provision import monitors
from talos.provision.model import NodeModel
from tests.cluster.cluster import Cluster, at, wait_for

MEMBER = re.compile(r"\b([0-9a-f]{16})\s+(\S+)\s+https://.*\s(true|false)\s*$", re.MULTILINE)


@pytest.fixture
def three(host: None, tmp_path: Path) -> Iterator[Cluster]:
    made = at(tmp_path / "clusters", "three")
    try:
        made.create("--controlplanes", "3", "--workers", "0", "--use-vip", "--with-json-logs")
        yield made
    finally:
        made.destroy()


def members(cluster: Cluster, asked: NodeModel) -> set[tuple[str, str, str]]:
    """id, host name, learner of etcd's members, as one node tells."""
    there = ("--nodes", asked.address, "--endpoints", asked.address)
    # A member that has just joined is a learner until it has caught up, and answers none of this until then.
    return set(MEMBER.findall(cluster.ok("etcd", "members", *there, retry_s=60)))


def write(cluster: Cluster, through: NodeModel, name: str) -> bool:
    """Create an object through the API server of one node; OSError with what it says instead."""
    done = cluster.try_kubectl(
        *("--server", f"https://{through.address}:6443", "--request-timeout=5s", "create", "configmap", name)
    )
    # An attempt that nobody waited for any more may have been carried out.
    if done.code != 0 and "AlreadyExists" not in done.err:
        raise OSError(done.err.strip())
    return True


def holders(cluster: Cluster, nodes: list[NodeModel]) -> list[NodeModel]:
    """Those on whose link the shared address is."""
    shared = cluster.model.endpoint.removeprefix("https://").partition(":")[0]
    found = []
    for node in nodes:
        there = ("--nodes", node.address, "--endpoints", node.address)
        addresses = cluster.ok("get", "addresses", "-o", "jsonpath={.spec.address}", *there, retry_s=60).split()
        if f"{shared}/32" in addresses:
            found.append(node)
    return found


def logs_of(cluster: Cluster, node: NodeModel) -> set[str]:
    """Services whose lines a node has sent, and "" for the kernel's."""
    lines = cluster.directory.json_logs.read_text(errors="replace").splitlines()
    own = [json.loads(line.partition(": ")[2]) for line in lines if line.startswith(f"{node.address}: ")]
    assert all({"msg", "talos-level", "talos-time"} <= line.keys() for line in own)
    return {line.get("talos-service", "") for line in own}


def test_a_control_plane_of_three_survives_the_loss_of_one(three: Cluster) -> None:
    wait_for(lambda: len(holders(three, three.nodes)) == 1, "one has the shared address", 60)
    (lost,) = holders(three, three.nodes)
    left = [node for node in three.nodes if node.name != lost.name]
    for node in three.nodes:
        wait_for(lambda node=node: {"", "etcd", "kubelet"} <= logs_of(three, node), f"logs of {node.name}", 60)  # type: ignore[misc]
    wait_for(lambda: {learner for _id, _name, learner in members(three, left[0])} == {"false"}, "all three vote", 60)
    before = members(three, left[0])
    assert {name for _id, name, _learner in before} == {node.name for node in three.nodes}

    status = monitors.status(three.directory, lost)
    assert status is not None
    os.kill(status.init_pid, signal.SIGKILL)
    for node in left:
        wait_for(lambda node=node: write(three, node, f"through-{node.name}"), f"{node.name} takes writes", 60)  # type: ignore[misc]
    assert members(three, left[1]) == before
    # The kubeconfig knows the shared address alone: who had it is gone.
    wait_for(lambda: len(holders(three, left)) == 1, "another has the shared address", 60)
    wait_for(lambda: three.try_kubectl("--request-timeout=5s", "get", "nodes").code == 0, "the API answers there", 60)

    wait_for(lambda: not getattr(monitors.status(three.directory, lost), "alive", False), "its monitor saw it", 60)
    monitors.start(three.directory, lost)
    three.wait_services(lost)
    three.wait_ready()
    assert members(three, lost) == before
    assert len(holders(three, three.nodes)) == 1
    names = {item["metadata"]["name"] for item in three.get("configmaps")["items"]}
    assert {f"through-{node.name}" for node in left} <= names, "written while it was away, read through it"
