"""Configurations of a real node: kept with their author, confirmed or gone back from, also when machined is killed and
when the node reboots; what would do harm is refused."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from talos.config.patch import apply_patches_to_text
from talos.provision.model import NodeModel
from tests.cluster.cluster import Cluster, wait_for

SYSCTL = "net.ipv4.ip_default_ttl"
"""of the node's own network namespace"""


def patch(value: int) -> str:
    return f"apiVersion: v1alpha1\nkind: SysctlConfig\nparams:\n  {SYSCTL}: '{value}'\n"


def ttl(cluster: Cluster, node: NodeModel) -> int:
    return int(cluster.ok("read", f"/proc/sys/{SYSCTL.replace('.', '/')}", "--nodes", node.address))


@pytest.fixture
def node(healthy: Cluster) -> Iterator[NodeModel]:
    """The last node of the cluster; it has its configuration back afterwards."""
    last = healthy.nodes[-1]
    before = healthy.resources(last, "mc")[0]["spec"]
    yield last
    file = healthy.state / "before.yaml"
    file.write_text(before)
    healthy.ok("apply-config", "--nodes", last.address, "--file", file, retry_s=60)


def history(cluster: Cluster, node: NodeModel) -> list[str]:
    return cluster.ok("machineconfig", "history", "--nodes", node.address, retry_s=60).splitlines()[1:]


def test_what_was_applied_is_in_the_history_with_its_author(healthy: Cluster, node: NodeModel, tmp_path: Path) -> None:
    before = len(history(healthy, node))
    healthy.ok("patch", "mc", "--nodes", node.address, "--patch", patch(71))
    lines = history(healthy, node)
    newest = lines[0].split()
    assert newest[1] == "*"
    assert len(lines) == min(before + 1, 20)
    assert "os:admin" in lines[0]  # what the certificate says; it has no common name
    assert node.address.rpartition(".")[0] in newest[-1], "where it came from"
    shown = healthy.ok("machineconfig", "diff", "--nodes", node.address)
    assert f'+    {SYSCTL}: "71"' in shown
    number = int(newest[2])
    healthy.ok("machineconfig", "restore", str(number - 1), "--nodes", node.address)
    wait_for(lambda: ttl(healthy, node) != 71, "the sysctl is what it was", 30)
    assert f"restored {number - 1}" in history(healthy, node)[0]


def test_a_change_is_effective_within_a_second_and_goes_back_if_nobody_confirms(
    healthy: Cluster, node: NodeModel
) -> None:
    original = ttl(healthy, node)
    healthy.ok("patch", "mc", "--nodes", node.address, "--patch", patch(72), "--confirm-within", "15s")
    wait_for(lambda: ttl(healthy, node) == 72, "the sysctl is set", 10, pause_s=0.1)
    assert history(healthy, node)[0].split()[1] == "?"
    wait_for(lambda: ttl(healthy, node) == original, "the node went back", 60)
    assert "not confirmed" in history(healthy, node)[0]
    refused = healthy.try_talosctl("machineconfig", "confirm", "--nodes", node.address)
    assert refused.code == 1
    assert "is final" in refused.err


def test_a_killed_machined_keeps_the_deadline(healthy: Cluster, node: NodeModel) -> None:
    original = ttl(healthy, node)
    healthy.ok("patch", "mc", "--nodes", node.address, "--patch", patch(73), "--confirm-within", "25s")
    wait_for(lambda: ttl(healthy, node) == 73, "the sysctl is set", 10, pause_s=0.1)
    victim = healthy.process(node, "machined")
    os.kill(victim.pid, signal.SIGKILL)
    wait_for(lambda: healthy.process(node, "machined") != victim, "machined runs again", 60)
    wait_for(lambda: history(healthy, node)[0].split()[1] == "?", "it still has to be confirmed", 20)
    wait_for(lambda: ttl(healthy, node) == original, "the node went back", 90)


@pytest.mark.parametrize("confirmed", [True, False])
def test_a_reboot_within_the_window_keeps_the_deadline(healthy: Cluster, node: NodeModel, confirmed: bool) -> None:
    """The environment of programs needs a reboot: mode auto reboots, and going back does again."""
    boots = healthy.boots(node)
    variables = "apiVersion: v1alpha1\nkind: EnvironmentConfig\nvariables:\n  EXAMPLE_ORG: here\n"
    window = "40s" if not confirmed else "10m"
    said = healthy.try_talosctl("patch", "mc", "--nodes", node.address, "--patch", variables, "--dry-run")
    assert "A reboot is needed: machine.env, EnvironmentConfig." in said.err
    assert healthy.boots(node) == boots
    healthy.ok("patch", "mc", "--nodes", node.address, "--patch", variables, "--confirm-within", window)
    wait_for(lambda: healthy.boots(node) == boots + 1, "the node rebooted", 120)
    if confirmed:
        wait_for(lambda: "EXAMPLE_ORG=here" in environment(healthy, node), "kubelet has the variable", 120)
        healthy.ok("machineconfig", "confirm", "--nodes", node.address, retry_s=30)
        assert history(healthy, node)[0].split()[1] == "*"
        return
    wait_for(lambda: "not confirmed" in history(healthy, node)[0], "the node went back", 180)
    wait_for(lambda: "kubelet" in healthy.services(node), "it is up", 120)
    wait_for(lambda: "EXAMPLE_ORG=here" not in environment(healthy, node), "kubelet has no such variable", 120)
    healthy.wait_ready()


def environment(cluster: Cluster, node: NodeModel) -> list[str]:
    pid = cluster.process(node, "kubelet").pid
    return Path(f"/proc/{pid}/environ").read_text().split("\0")


@pytest.mark.parametrize(
    ("text", "guard"),
    [
        ("machine:\n  type: worker\n", "machine-type"),
        ("machine:\n  type: worker\n", "etcd-quorum"),
        ("apiVersion: v1alpha1\nkind: NetworkDefaultActionConfig\ningress: block\n", "firewall"),
        ("apiVersion: v1alpha1\nkind: KubeClusterConfig\nendpoint: https://127.0.0.1:1\n", "endpoint"),
        ("apiVersion: v1alpha1\nkind: KubeNetworkConfig\nserviceSubnets: [10.99.0.0/16]\n", "subnets"),
    ],
)
def test_what_would_do_harm_is_refused_by_name(healthy: Cluster, text: str, guard: str) -> None:
    control_plane = healthy.nodes[0]
    before = history(healthy, control_plane)
    done = healthy.try_talosctl("patch", "mc", "--nodes", control_plane.address, "--patch", text)
    assert done.code == 1
    assert f"(guard {guard})" in done.err
    assert f"--force-guard {guard}" in done.err
    assert history(healthy, control_plane) == before


def test_a_guard_is_forced_by_its_name(healthy: Cluster, node: NodeModel) -> None:
    """A guard that is named for another one does not open this one."""
    endpoint = "apiVersion: v1alpha1\nkind: KubeClusterConfig\nendpoint: https://127.0.0.1:1\n"
    flags = ("patch", "mc", "--nodes", node.address, "--dry-run", "--patch", endpoint)
    assert healthy.try_talosctl(*flags, "--force-guard", "firewall").code == 1
    healthy.ok(*flags, "--force-guard", "endpoint")


def test_a_folder_is_synchronized_and_stops_at_a_node_that_stays_unhealthy(healthy: Cluster, tmp_path: Path) -> None:
    first, last = healthy.nodes[0], healthy.nodes[-1]
    texts = {node.address: healthy.resources(node, "mc")[0]["spec"] for node in (first, last)}
    both = ("--nodes", f"{last.address},{first.address}", "-f", tmp_path)

    def wanted(address: str, change: str) -> None:
        (tmp_path / f"{address}.yaml").write_text(apply_patches_to_text(texts[address], [change]))

    try:
        for address in texts:
            wanted(address, patch(74))
        assert healthy.try_talosctl("machineconfig", "drift", *both).code == 2
        wait = ("--wait-timeout", "2m", "--settle", "2s", "--confirm-within", "3m")
        done = healthy.try_talosctl("machineconfig", "sync", *both, *wait, timeout_s=400)
        assert done.code == 0, done.text
        assert (ttl(healthy, first), ttl(healthy, last)) == (74, 74)
        assert healthy.try_talosctl("machineconfig", "drift", *both).code == 0
        assert history(healthy, last)[0].split()[1] == "*", "confirmed"
        # A kubelet with a flag that it does not know never comes up.
        wanted(last.address, "apiVersion: v1alpha1\nkind: KubeletConfig\nextraArgs: {no-such-flag: 'true'}\n")
        wanted(first.address, patch(75))
        wait = ("--wait-timeout", "20s", "--settle", "5s", "--confirm-within", "30s")
        done = healthy.try_talosctl("machineconfig", "sync", *both, *wait, timeout_s=400)
        assert done.code == 1
        assert f"node {last.address}: not healthy again within 20 s" in done.err
        assert f"not changed: {first.address}" in done.err
        assert ttl(healthy, first) == 74
        wait_for(lambda: "not confirmed" in history(healthy, last)[0], "the broken node went back by itself", 60)
        healthy.wait_ready()
    finally:
        for address, text in texts.items():
            (tmp_path / "back.yaml").write_text(text)
            healthy.ok("apply-config", "--nodes", address, "--file", tmp_path / "back.yaml", retry_s=60)
