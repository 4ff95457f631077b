"""One cluster for all tests of this folder: 1 control plane node in 2 GiB and 2 workers in 1 GiB of memory.

That is also the smallest homelab that has to work. What the cluster sends beyond its own network is counted from
before its first packet on. TALOS_TEST_CLUSTER=STATE/NAME uses a cluster that exists, and leaves it.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from lightkube import Client, KubeConfig

from tests.cluster.cluster import IMAGE, KUBECTL, Cluster, at
from tests.cluster.egress import Egress

CREATE = ("--controlplanes", "1", "--workers", "2", "--memory-controlplanes", "2GiB", "--memory-workers", "1GiB")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.cluster)


@pytest.fixture(scope="session")
def host() -> None:
    """What these tests need of the machine. They fail without it: a skipped cluster test proves nothing."""
    if os.geteuid() != 0:
        pytest.fail("the cluster tests make namespaces and control groups: run them as root")
    for needed in (IMAGE, KUBECTL):
        if not needed.exists():
            pytest.fail(f"{needed} is missing: run make root")


@pytest.fixture(scope="session")
def cluster(host: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Three Ready nodes."""
    if existing := os.environ.get("TALOS_TEST_CLUSTER"):
        path = Path(existing)
        used = at(path.parent, path.name)
        with Egress(used.directory):
            yield used
        return
    made = at(tmp_path_factory.mktemp("clusters"), "shared")
    with Egress(made.directory):
        try:
            made.create(*CREATE)
            yield made
        finally:
            made.destroy()


@pytest.fixture
def healthy(cluster: Cluster) -> Cluster:
    """The cluster with all nodes Ready and all pods of the system running, whatever the test before did."""
    cluster.wait_ready()
    cluster.wait_pods()
    return cluster


@pytest.fixture(scope="session")
def egress(cluster: Cluster) -> Egress:
    """The record of what left the cluster's network."""
    return Egress(cluster.directory)


@pytest.fixture(scope="session")
def kube(cluster: Cluster) -> Iterator[Client]:
    """A Kubernetes client that is not ours."""
    with Client(config=KubeConfig.from_file(cluster.kubeconfig)) as client:
        yield client


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """A failed test shows the ends of the nodes' logs: the cluster is gone when a person reads the report."""
    report = yield
    made = getattr(item, "funcargs", {}).get("cluster")
    if call.when == "call" and report.failed and isinstance(made, Cluster) and made.directory.exists():
        report.sections.append(("logs of the nodes", made.logs()))
        report.sections.append(("kubectl get pods,nodes -A", _overview(made)))
    return report


def _overview(made: Cluster) -> str:
    """What Kubernetes says, if it says anything: a report must not fail because the cluster does."""
    try:
        if made.try_kubectl("get", "--raw", "/readyz", "--request-timeout=5s", timeout_s=20).code != 0:
            return "the API does not answer"
        return made.try_kubectl("get", "pods,nodes", "-A", "-o", "wide", timeout_s=60).text
    except (subprocess.TimeoutExpired, OSError) as error:
        return f"the API does not answer: {error}"
