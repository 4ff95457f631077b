"""Each command, end to end through the API, for one node and for several at once."""

from __future__ import annotations

import json
import re
import select
import subprocess
from pathlib import Path

import pytest
import yaml

from talos.api import cosi_resource_pb2
from talos.client import Client, TalosConfig
from talos.config import Config
from talos.versions import TALOS_VERSION
from tests.cluster.cluster import TALOSCTL, Cluster, documents, run, wait_for


@pytest.fixture(scope="module")
def both(cluster: Cluster) -> tuple[str, str]:
    """Addresses of a control plane node and a worker."""
    return cluster.nodes[0].address, cluster.nodes[-1].address


def rows(text: str) -> list[list[str]]:
    """Rows of a table, split at two blanks or more; the head first."""
    return [re.split(r"\s{2,}", line.strip()) for line in text.splitlines() if line.strip()]


def test_secrets_and_configurations_are_generated_and_valid(host: None, tmp_path: Path) -> None:
    secrets, out = tmp_path / "secrets.yaml", tmp_path / "out"
    assert run(TALOSCTL, "gen", "secrets", "-o", secrets).code == 0
    done = run(
        *(TALOSCTL, "gen", "config", "made", "https://192.0.2.1:6443", "--with-secrets", secrets),
        *("--output-dir", out),
    )
    assert done.code == 0, done.text
    assert {path.name for path in out.iterdir()} == {"controlplane.yaml", "worker.yaml", "talosconfig"}
    for name in ("controlplane", "worker"):
        checked = run(TALOSCTL, "validate", "--mode", "container", "--config", out / f"{name}.yaml")
        assert checked.code == 0, checked.text
        assert str(Config.decode((out / f"{name}.yaml").read_text()).machine.type) == name
    assert secrets.stat().st_mode & 0o077 == 0


def test_contexts_endpoints_and_nodes_are_kept(cluster: Cluster, tmp_path: Path) -> None:
    mine = tmp_path / "talosconfig"
    base = (TALOSCTL, "config", "--talosconfig", mine)
    assert run(*base, "merge", cluster.talosconfig).code == 0
    address = cluster.nodes[0].address
    assert run(*base, "endpoint", address).code == 0
    assert run(*base, "node", address).code == 0
    info = run(*base, "info")
    assert info.code == 0, info.text
    assert "os:admin" in info.out
    assert address in info.out
    contexts = run(*base, "contexts")
    assert any(row[0] == "*" and row[1] == cluster.name for row in rows(contexts.out)), contexts.text
    # What was merged works without any flag.
    assert run(TALOSCTL, "version", "--talosconfig", mine).code == 0


def test_version(cluster: Cluster, both: tuple[str, str]) -> None:
    text = cluster.ok("version", "--nodes", ",".join(both))
    assert re.findall(r"NODE:\s+(\S+)\s+Tag:\s+(\S+)", text) == [(address, TALOS_VERSION) for address in both]


def test_health_names_its_checks_and_agrees(healthy: Cluster, both: tuple[str, str]) -> None:
    done = healthy.try_talosctl("health", "--nodes", both[0], "--wait-timeout", "120s")
    assert done.code == 0, done.text
    for check in ("etcd to be healthy", "kubelet to be healthy", "all k8s nodes to report ready", "coredns"):
        assert check in done.text, done.text


def test_services_and_service(cluster: Cluster, both: tuple[str, str]) -> None:
    found = {(row[0], row[1]) for row in rows(cluster.ok("services", "--nodes", ",".join(both)))[1:]}
    assert {(both[0], "etcd"), (both[1], "kubelet")} <= found
    assert (both[1], "etcd") not in found
    text = cluster.ok("service", "kubelet", "--nodes", ",".join(both))
    assert [line.split()[1] for line in text.splitlines() if line.startswith("NODE")] == list(both)


def test_a_service_is_restarted_on_several_nodes(healthy: Cluster, both: tuple[str, str]) -> None:
    nodes = [healthy.nodes[0], healthy.nodes[-1]]
    before = [healthy.process(node, "kubelet") for node in nodes]
    healthy.ok("service", "kubelet", "restart", "--nodes", ",".join(both))
    for node, old in zip(nodes, before, strict=True):
        wait_for(lambda node=node, old=old: healthy.process(node, "kubelet") != old, "the kubelet is another", 60)  # type: ignore[misc]
        healthy.wait_services(node)


def test_a_service_the_node_cannot_do_without_is_not_stopped(cluster: Cluster, both: tuple[str, str]) -> None:
    done = cluster.try_talosctl("service", "apid", "stop", "--nodes", both[1])
    assert done.code != 0
    assert "apid" in done.err
    assert cluster.ok("version", "--nodes", both[1])


def test_logs_end_where_the_log_ends_and_follow_what_comes(cluster: Cluster, both: tuple[str, str]) -> None:
    text = cluster.ok("logs", "kubelet", "--tail", "2", "--nodes", ",".join(both))
    assert [line.split(":")[0] for line in text.splitlines()].count(both[0]) == 2
    assert [line.split(":")[0] for line in text.splitlines()].count(both[1]) == 2
    follower = subprocess.Popen(
        [TALOSCTL, "--talosconfig", cluster.talosconfig, "logs", "apid", "-f", "--tail", "0", "--nodes", both[0]],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert follower.stdout is not None

        def a_line_follows() -> bool:
            # A refused connection is a line in apid's log. The follower may not be there yet when the first is refused.
            assert run(TALOSCTL, "version", "--insecure", "--nodes", both[0]).code
            return bool(select.select([follower.stdout], [], [], 1.0)[0])

        wait_for(a_line_follows, "a line is followed", 60)
        assert "refused connection" in follower.stdout.readline()
    finally:
        follower.terminate()
        follower.wait(10)
        follower.stdout.close()  # type: ignore[union-attr]


def test_logs_of_a_container(cluster: Cluster, both: tuple[str, str]) -> None:
    containers = cluster.ok("containers", "-k", "--nodes", both[0])
    name = re.search(r"(kube-system/kube-apiserver-\S+:kube-apiserver:\S+)", containers)
    assert name, containers
    assert cluster.ok("logs", "-k", name[1], "--tail", "1", "--nodes", both[0]).strip()


def test_dmesg(cluster: Cluster, both: tuple[str, str]) -> None:
    text = cluster.ok("dmesg", "--nodes", ",".join(both))
    assert {line.split(":")[0] for line in text.splitlines()} == set(both)
    assert "boot sequence: done" in text


def test_get_in_every_form(cluster: Cluster, both: tuple[str, str]) -> None:
    table = rows(cluster.ok("get", "members", "--nodes", ",".join(both)))
    assert [row[0] for row in table[1:]] == [both[0]] * 3 + [both[1]] * 3
    one = cluster.ok("get", "nodename", "nodename", "--nodes", both[1], "-o", "yaml")
    assert yaml.safe_load(one)["spec"]["nodename"] == cluster.nodes[-1].name
    found = list(documents(cluster.ok("get", "services", "--nodes", both[0], "-o", "json")))
    assert {r["metadata"]["id"] for r in found} >= {"etcd", "kubelet"}
    path = cluster.ok("get", "machinetype", "--nodes", ",".join(both), "-o", "jsonpath={.spec}")
    assert path.split() == ["controlplane", "worker"]
    definitions = {r["metadata"]["id"] for r in documents(cluster.ok("get", "rd", "--nodes", both[0], "-o", "json"))}
    assert "members.cluster.talos.dev" in definitions


async def test_every_resource_type_can_be_listed(cluster: Cluster, both: tuple[str, str]) -> None:
    """Through the API in both directions: a type whose specs cannot be encoded shows here."""
    kinds = [d["spec"] for d in documents(cluster.ok("get", "rd", "--nodes", both[0], "-o", "json"))]
    assert len(kinds) > 150
    found: dict[str, int] = {}
    async with Client.from_config(TalosConfig.load(cluster.talosconfig)) as client:
        for kind in kinds:
            request = cosi_resource_pb2.ListRequest(namespace=kind["defaultNamespace"], type=kind["type"])
            for node in both:
                async for answer in client.stream("/cosi.resource.State/List", request, node=node):
                    assert answer.resource.metadata.type == kind["type"]
                    found[kind["type"]] = found.get(kind["type"], 0) + 1
    assert len(found) > 60, "most types have resources on a running cluster"


def test_a_change_is_seen_by_a_watch(cluster: Cluster, both: tuple[str, str], tmp_path: Path) -> None:
    watcher = subprocess.Popen(
        [TALOSCTL, "--talosconfig", cluster.talosconfig, "get", "svc", "kubelet", "--watch", "--nodes", both[1]],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert watcher.stdout is not None
        lines = iter(watcher.stdout.readline, "")
        assert "NODE" in next(lines)
        assert "kubelet" in next(lines)
        cluster.ok("service", "kubelet", "restart", "--nodes", both[1])
        assert "kubelet" in next(lines)
    finally:
        watcher.terminate()
        watcher.wait(10)
        watcher.stdout.close()  # type: ignore[union-attr]
    cluster.wait_services(cluster.nodes[-1])


def test_events_of_the_past(cluster: Cluster, both: tuple[str, str]) -> None:
    follower = subprocess.Popen(
        [TALOSCTL, "--talosconfig", cluster.talosconfig, "events", "--tail", "-1", "--nodes", ",".join(both)],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert follower.stdout is not None
        seen: set[str] = set()
        for line in iter(follower.stdout.readline, ""):
            seen |= {address for address in both if line.startswith(address)}
            if seen == set(both):
                break
        assert seen == set(both)
    finally:
        follower.terminate()
        follower.wait(10)
        follower.stdout.close()  # type: ignore[union-attr]


def test_kubeconfig_is_fetched_and_merged(cluster: Cluster, both: tuple[str, str], tmp_path: Path) -> None:
    file = tmp_path / "kubeconfig"
    cluster.ok("kubeconfig", file, "--nodes", both[0])
    assert file.stat().st_mode & 0o077 == 0
    cluster.ok("kubeconfig", file, "--nodes", both[0], "--force", "--force-context-name", "second")
    contexts = {context["name"] for context in yaml.safe_load(file.read_text())["contexts"]}
    assert contexts == {f"admin@{cluster.name}", "second"}
    from tests.cluster.cluster import KUBECTL

    nodes = run(KUBECTL, "--kubeconfig", file, "get", "nodes", "-o", "json")
    assert len(json.loads(nodes.out)["items"]) == 3
    done = cluster.try_talosctl("kubeconfig", "-", "--nodes", both[1])
    assert done.code != 0, "a worker has no administrator's kubeconfig"
    assert both[1] in done.err


def test_a_configuration_is_applied_and_takes_effect_at_once(healthy: Cluster, tmp_path: Path) -> None:
    """A label of both workers, through the state to the Kubernetes node, without a reboot; and back."""
    workers = [node for node in healthy.nodes if node.role == "worker"]
    boots = [healthy.boots(node) for node in healthy.nodes]
    for number, worker in enumerate(workers):
        original = tmp_path / f"{number}.yaml"
        original.write_text(healthy.resources(worker, "mc")[0]["spec"])

    def labels() -> set[str | None]:
        nodes = {item["metadata"]["name"]: item for item in healthy.get("nodes")["items"]}
        return {nodes[node.name]["metadata"]["labels"].get("example.org/applied") for node in workers}

    patch = "apiVersion: v1alpha1\nkind: KubeNodeConfig\nlabels:\n  example.org/applied: 'yes'\n"
    addresses = ",".join(node.address for node in workers)
    healthy.ok("apply-config", "--nodes", addresses, "--file", tmp_path / "0.yaml", "--config-patch", patch)
    wait_for(lambda: labels() == {"yes"}, "both workers have the label")
    for number, worker in enumerate(workers):
        healthy.ok("apply-config", "--nodes", worker.address, "--file", tmp_path / f"{number}.yaml")
    wait_for(lambda: labels() == {None}, "the label is gone again")
    assert [healthy.boots(node) for node in healthy.nodes] == boots


def test_what_the_node_holds_can_be_looked_at(cluster: Cluster, both: tuple[str, str]) -> None:
    nodes = ("--nodes", ",".join(both))
    assert {row[0] for row in rows(cluster.ok("memory", *nodes))[1:]} == set(both)
    assert {row[0] for row in rows(cluster.ok("processes", *nodes))[1:]} >= set(both)
    assert {row[0] for row in rows(cluster.ok("mounts", *nodes))[1:]} == set(both)
    assert {row[0] for row in rows(cluster.ok("list", "/etc", *nodes))[1:]} == set(both)
    assert cluster.nodes[-1].name in cluster.ok("read", "/etc/hosts", "--nodes", both[1])
    assert cluster.nodes[0].name in cluster.ok("etcd", "members", "--nodes", both[0])
