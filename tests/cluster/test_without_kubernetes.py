"""A node without Kubernetes and etcd; and one of the old type init, which founds etcd by itself, once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.cluster.cluster import Cluster, at, wait_for

ALONE = {"machined", "apid", "networkd", "timed", "trustd", "containerd", "cri"}
ABSENT = ("nodenames", "kubeletconfigs", "kubeletspecs", "nodelabelspecs", "staticpods", "apiserverconfigs")
WIPE = ("reset", "--graceful=false", "--reboot", "--system-labels-to-wipe", "EPHEMERAL", "--wait")


def made(tmp_path_factory: pytest.TempPathFactory, name: str, *flags: str) -> Iterator[Cluster]:
    found = at(tmp_path_factory.mktemp("clusters"), name)
    try:
        found.create("--workers", "0", *flags)
        yield found
    finally:
        found.destroy()


@pytest.fixture(scope="module")
def alone(host: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    yield from made(tmp_path_factory, "alone", "--skip-etcd-k8s", "--memory", "1GiB")


@pytest.fixture(scope="module")
def founder(host: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    yield from made(tmp_path_factory, "founder", "--with-init-node", "--install-image", "registry.test/installer:v1")


def spec(cluster: Cluster, kind: str) -> Any:
    (found,) = cluster.resources(cluster.nodes[0], kind)
    return found["spec"]


def ready(cluster: Cluster) -> bool:
    status = spec(cluster, "machinestatuses")
    assert status["stage"] == "running" and status["status"]["ready"], status
    return True


def test_it_runs_the_operating_system_and_is_ready(alone: Cluster) -> None:
    assert ready(alone), "create waits for that"
    assert not alone.kubeconfig.exists()
    assert alone.services(alone.nodes[0]) == dict.fromkeys(ALONE, ("Running", "OK"))
    assert {p.name for p in alone.all_processes(alone.nodes[0])}.isdisjoint({"etcd", "kubelet", "kube-apiserver"})


def test_nothing_of_kubernetes_is_a_resource_and_the_node_is_a_member(alone: Cluster) -> None:
    node = alone.nodes[0]
    for kind in (*ABSENT, "etcdspecs", "kubeprismconfigs"):
        assert alone.resources(node, kind) == [], kind
    (member,) = alone.resources(node, "members")
    assert (member["metadata"]["id"], member["spec"]["machineType"]) == (node.name, "controlplane")


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (("bootstrap",), "bootstrap is not available: the configuration of this node runs no etcd"),
        (("etcd", "members"), "member list is not available: the configuration of this node runs no etcd"),
        (("kubeconfig", "-"), "kubeconfig is not available: the configuration of this node runs no Kubernetes"),
        (("service", "kubelet", "start"), 'service "kubelet" not defined'),
        (("service", "etcd", "restart"), 'service "etcd" not defined'),
    ],
)
def test_what_there_is_none_of(alone: Cluster, command: tuple[str, ...], said: str) -> None:
    done = alone.try_talosctl(*command)
    assert done.code == 1 and said in done.err, done.text


@pytest.mark.parametrize("where", ["--server=true", "--server=false"])
def test_it_is_healthy(alone: Cluster, where: str) -> None:
    done = alone.try_talosctl("health", where, "--wait-timeout", "60s")
    assert done.code == 0, done.text
    assert alone.nodes[0].address in done.err
    assert "waiting for all nodes to be ready: OK" in done.err and "etcd" not in done.err


def test_it_goes_down_and_comes_back(alone: Cluster) -> None:
    boots = alone.boots(alone.nodes[0])
    alone.ok("reboot", "--wait")
    wait_for(lambda: ready(alone), "the node is ready after a reboot")
    assert "drained" not in alone.log(alone.nodes[0], "machined.log")
    alone.ok("reset", "--reboot", "--system-labels-to-wipe", "EPHEMERAL", "--wait")
    wait_for(lambda: ready(alone), "the node is ready after a reset")
    assert alone.boots(alone.nodes[0]) == boots + 2
    assert alone.services(alone.nodes[0]).keys() == ALONE


def test_a_node_of_the_type_init_founds_its_cluster(founder: Cluster) -> None:
    founder.wait_ready()
    assert spec(founder, "machinetypes") == "init"
    assert spec(founder, "members")["machineType"] == "init"
    done = founder.try_talosctl("bootstrap")
    assert done.code == 1 and "AlreadyExists" in done.err, done.text
    assert founder.nodes[0].name in founder.ok("etcd", "members")
    assert "registry.test/installer:v1" in founder.ok("get", "machineconfig", "v1alpha1", "-o", "yaml")


def test_it_founds_no_second_one(founder: Cluster) -> None:
    node = founder.nodes[0]
    founder.ok(*WIPE)
    wait_for(lambda: "founds no second cluster" in founder.log(node, "machined.log"), "it says so")
    founder.ok("version", retry_s=60)  # it says so before its API answers
    assert founder.services(node)["etcd"][0] != "Running"
    founder.ok("bootstrap", retry_s=60)
    wait_for(lambda: founder.services(node)["etcd"] == ("Running", "OK"), "etcd runs again", pause_s=1)
