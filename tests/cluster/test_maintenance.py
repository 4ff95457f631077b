"""A node without configuration: what it answers to anybody, what not, and how it becomes a member of a cluster."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from talos.client import ApiError, Client
from talos.provision.configs import local_patch
from talos.provision.model import NodeModel
from talos.versions import TALOS_VERSION
from tests.cluster.cluster import TALOSCTL, Cluster, Done, at, run, wait_for

FORBIDDEN = (
    "/machine.MachineService/Bootstrap",
    "/machine.MachineService/Reboot",
    "/machine.MachineService/Reset",
    "/machine.MachineService/Shutdown",
    "/machine.MachineService/Kubeconfig",
    "/machine.MachineService/Read",
    "/machine.MachineService/ServiceRestart",
    "/machine.MachineService/GenerateClientConfiguration",
    "/cosi.resource.State/Create",
    "/cosi.resource.State/Destroy",
)


@pytest.fixture(scope="module")
def waiting(host: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A control plane node and a worker that wait for their configuration."""
    made = at(tmp_path_factory.mktemp("maintenance"), "fresh")
    try:
        made.create("--workers", "1", "--memory-workers", "1GiB", "--skip-injecting-config")
        for node in made.nodes:
            wait_for(lambda node=node: insecure(node, "version").code == 0, f"{node.name} answers")  # type: ignore[misc]
        yield made
    finally:
        made.destroy()


def insecure(node: NodeModel, *command: str | Path) -> Done:
    return run(TALOSCTL, command[0], "--insecure", "--nodes", node.address, *command[1:])


def test_anybody_may_ask_what_it_is(waiting: Cluster) -> None:
    for node in waiting.nodes:
        assert TALOS_VERSION in insecure(node, "version").out
        stage = insecure(node, "get", "machinestatus", "-o", "yaml")
        assert stage.code == 0, stage.text
        assert "maintenance" in stage.out
        for kind in ("disks", "links", "addresses"):
            assert insecure(node, "get", kind).code == 0, kind


@pytest.mark.parametrize("method", FORBIDDEN)
async def test_nobody_may_do_what_needs_a_role(waiting: Cluster, method: str) -> None:
    async with Client.insecure(waiting.nodes[0].address) as client:
        with pytest.raises(ApiError, match="not authorized"):
            async for _ in client.stream(method):
                pass
    assert waiting.boots(waiting.nodes[0]) == 1


def test_secrets_are_not_shown(waiting: Cluster) -> None:
    done = insecure(waiting.nodes[0], "get", "maintenancerootsecrets")
    assert done.code != 0, done.out
    assert "not authorized" in done.err


@pytest.fixture(scope="module")
def configs(waiting: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with configurations as a person generates them, patched so that nothing outside is asked for members."""
    out = tmp_path_factory.mktemp("configs")
    endpoint = f"https://{waiting.nodes[0].address}:6443"
    patch = local_patch([waiting.model.gateway])
    done = run(TALOSCTL, "gen", "config", "fresh", endpoint, "--output-dir", out, "--force", "--config-patch", patch)
    assert done.code == 0, done.text
    return out


def test_a_wrong_configuration_is_refused_and_it_goes_on_waiting(waiting: Cluster, configs: Path) -> None:
    node, file = waiting.nodes[-1], configs / "wrong.yaml"
    file.write_text((configs / "worker.yaml").read_text().replace("type: worker", "type: king", 1))
    done = insecure(node, "apply-config", "--file", file)
    assert done.code != 0
    assert "machine.type" in done.err or "king" in done.err, done.err
    assert "maintenance" in insecure(node, "get", "machinestatus", "-o", "yaml").out


def test_configured_nodes_become_a_cluster(waiting: Cluster, configs: Path) -> None:
    """apply-config --insecure to each, bootstrap once, kubeconfig: what a person does with machines of their own."""
    control_plane, worker = waiting.nodes
    assert insecure(control_plane, "apply-config", "--file", configs / "controlplane.yaml").code == 0
    assert insecure(worker, "apply-config", "--file", configs / "worker.yaml").code == 0
    base = (TALOSCTL, "--talosconfig", configs / "talosconfig", "--endpoints", control_plane.address)
    one = (*base, "--nodes", control_plane.address)
    wait_for(lambda: run(*one, "version").code == 0, "the control plane node serves with its own certificate")
    wait_for(lambda: run(*one, "bootstrap").code == 0, "bootstrap is accepted")
    waiting.kubeconfig.unlink(missing_ok=True)
    wait_for(lambda: run(*one, "kubeconfig", waiting.kubeconfig).code == 0, "there is a kubeconfig")
    waiting.wait_ready(300)
    waiting.wait_pods(300)
    assert insecure(worker, "version").code != 0, "the door without certificate is closed"

    def known() -> bool:
        members = run(*base, "--nodes", worker.address, "get", "members")
        return {control_plane.name, worker.name} <= set(members.out.split())

    wait_for(known, "the worker knows both members")
