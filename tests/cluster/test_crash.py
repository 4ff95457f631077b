"""kill -9 of each service: it is back, nothing else was restarted, the pods stay up and the API answers.

Restarted is what has another pid or start time than before; that holds for every process of the node, those of its pods
too. Processes that come and go by themselves (probes, mount, nft) are told apart by looking twice before.
"""

from __future__ import annotations

import os
import signal
import time

import pytest

from talos.provision.model import NodeModel
from tests.cluster.cluster import Cluster, Process, wait_for

CONTROL_PLANE = ("machined", "apid", "trustd", "networkd", "timed", "containerd", "kubelet", "etcd")
WORKER = ("machined", "containerd", "kubelet")


def lasting(cluster: Cluster, node: NodeModel) -> set[Process]:
    """Processes of a node that are there to stay."""
    first = cluster.all_processes(node)
    time.sleep(1)
    return first & cluster.all_processes(node)


def kill(cluster: Cluster, node: NodeModel, service: str) -> None:
    before = lasting(cluster, node)
    restarts = cluster.restarts()
    victim = cluster.process(node, service)
    os.kill(victim.pid, signal.SIGKILL)

    def back() -> bool:
        return cluster.process(node, service) != victim

    wait_for(back, f"{service} of {node.name} runs again", 60, pause_s=0.05)
    cluster.wait_services(node)
    gone = before - {victim} - cluster.all_processes(node)
    assert not gone, f"killing {service} ended {gone}"
    cluster.wait_ready()
    cluster.wait_pods()
    assert cluster.restarts() == restarts
    gone = before - {victim} - cluster.all_processes(node)
    assert not gone, f"killing {service} ended {gone} a little later"
    assert cluster.process(node, service).group == victim.group


@pytest.mark.parametrize("service", CONTROL_PLANE)
def test_a_killed_service_of_the_control_plane_is_back_and_nothing_else_restarted(
    healthy: Cluster, service: str
) -> None:
    kill(healthy, healthy.nodes[0], service)


@pytest.mark.parametrize("service", WORKER)
def test_a_killed_service_of_a_worker_is_back_and_nothing_else_restarted(healthy: Cluster, service: str) -> None:
    kill(healthy, healthy.nodes[-1], service)


def test_the_state_is_whole_after_machined_was_killed(healthy: Cluster) -> None:
    """machined keeps the state in memory: controllers, networkd and timed have to publish everything again."""
    node = healthy.nodes[-1]
    kinds = ("members", "addresses", "links", "routes", "nodename", "kubeletspec", "hostname", "timestatus")
    before = {kind: {r["metadata"]["id"] for r in healthy.resources(node, kind)} for kind in kinds}
    assert all(before.values()), before
    old = healthy.process(node, "machined")
    os.kill(old.pid, signal.SIGKILL)

    def whole() -> bool:
        now = {kind: {r["metadata"]["id"] for r in healthy.resources(node, kind)} for kind in kinds}
        missing = {kind: before[kind] - now[kind] for kind in kinds if before[kind] - now[kind]}
        if missing:
            raise AssertionError(str(missing))
        return True

    wait_for(whole, "the state is published again")
    assert healthy.process(node, "machined") != old


def test_what_was_killed_can_be_read_in_the_service_s_events(healthy: Cluster) -> None:
    node = healthy.nodes[-1]
    os.kill(healthy.process(node, "kubelet").pid, signal.SIGKILL)

    def told() -> bool:
        text = healthy.ok("service", "kubelet", "--nodes", node.address)
        return "signal" in text.lower() or "killed" in text.lower()

    wait_for(told, "the events of kubelet say that a signal ended it")
    healthy.wait_services(node)
