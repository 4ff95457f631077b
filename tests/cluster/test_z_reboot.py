"""Nodes go away and come back. Last on the shared cluster, because these tests change it most."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from talos.provision import monitors
from talos.provision.model import NodeModel
from tests.cluster.cluster import Cluster, wait_for
from tests.cluster.harness import COREDNS_IMAGE, condition

DEPLOYMENT = f"""
apiVersion: v1
kind: ConfigMap
metadata: {{name: steady}}
data: {{Corefile: ".:5353 {{\\n ready :8181\\n}}\\n"}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: steady}}
spec:
  replicas: 2
  selector: {{matchLabels: {{app: steady}}}}
  template:
    metadata: {{labels: {{app: steady}}}}
    spec:
      terminationGracePeriodSeconds: 1
      topologySpreadConstraints:
      - {{maxSkew: 1, topologyKey: kubernetes.io/hostname, whenUnsatisfiable: DoNotSchedule,
         labelSelector: {{matchLabels: {{app: steady}}}}, nodeTaintsPolicy: Honor}}
      containers:
      - name: dns
        image: {COREDNS_IMAGE}
        args: [-conf, /etc/coredns/Corefile]
        readinessProbe: {{httpGet: {{path: /ready, port: 8181}}, periodSeconds: 1}}
        volumeMounts: [{{name: config, mountPath: /etc/coredns}}]
      volumes: [{{name: config, configMap: {{name: steady}}}}]
"""


def rolled_out(cluster: Cluster) -> bool:
    pods = cluster.get("pods", "-l", "app=steady")["items"]
    return len(pods) == 2 and all(condition(pod, "Ready") == "True" for pod in pods)


def boots(cluster: Cluster) -> dict[str, int]:
    return {node.name: cluster.boots(node) for node in cluster.nodes}


FILES_AND_ENVIRONMENT = """
machine:
  files:
    - {path: /var/lib/example/file, content: "here\\n", permissions: 0o640, op: create}
    - {path: /etc/ssl/certs/ca-certificates.crt, content: "# example\\n", permissions: 0o644, op: append}
  env: {EXAMPLE_ORG: here}
"""


def test_files_and_environment_of_the_configuration_are_there_after_the_reboot(
    healthy: Cluster, tmp_path: Path
) -> None:
    """Mode auto reboots for them; staged takes them away with the next reboot, whoever asks for it."""
    node = healthy.nodes[-1]
    before, authorities = healthy.boots(node), "/etc/ssl/certs/ca-certificates.crt"
    bundle = healthy.node_path(node, authorities).read_text()
    kept = tmp_path / "before.yaml"
    kept.write_text(healthy.resources(node, "mc")[0]["spec"])
    done = healthy.try_talosctl("patch", "mc", "--nodes", node.address, "--patch", FILES_AND_ENVIRONMENT)
    assert done.code == 0, done.text
    assert "does not carry out" not in done.err
    wait_for(lambda: healthy.boots(node) == before + 1, "the node reboots", 120)
    healthy.wait_services(node)
    file = healthy.node_path(node, "/var/lib/example/file")
    assert file.read_text() == "here\n"
    assert file.stat().st_mode & 0o7777 == 0o640
    assert healthy.ok("read", "/var/lib/example/file", "--nodes", node.address) == "here\n"
    assert healthy.ok("read", authorities, "--nodes", node.address) == bundle + "# example\n"
    for program in ("kubelet", "containerd"):
        pid = healthy.process(node, program).pid
        assert b"EXAMPLE_ORG=here" in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    healthy.ok("apply-config", "--nodes", node.address, "--file", kept, "--mode", "staged")
    assert healthy.boots(node) == before + 1
    healthy.ok("reboot", "--nodes", node.address, "--wait", "--timeout", "4m")
    healthy.wait_services(node)
    assert healthy.ok("read", authorities, "--nodes", node.address) == bundle
    environment = Path(f"/proc/{healthy.process(node, 'kubelet').pid}/environ").read_bytes()
    assert b"EXAMPLE_ORG" not in environment
    healthy.wait_ready()


def test_several_nodes_reboot_and_a_deployment_survives(healthy: Cluster) -> None:
    healthy.apply(DEPLOYMENT)
    healthy.kubectl("rollout", "status", "deployment/steady", "--timeout=120s", timeout_s=140)
    pods = {pod["metadata"]["uid"] for pod in healthy.get("pods", "-l", "app=steady")["items"]}
    before = boots(healthy)
    workers = [node for node in healthy.nodes if node.role == "worker"]
    healthy.ok("reboot", "--nodes", ",".join(node.address for node in workers), "--wait", "--timeout", "4m")
    after = boots(healthy)
    assert {name: after[name] - before[name] for name in after} == {
        node.name: int(node.role == "worker") for node in healthy.nodes
    }
    healthy.wait_ready()
    wait_for(lambda: rolled_out(healthy), "the Deployment is available again", 180, pause_s=1)
    assert {pod["metadata"]["uid"] for pod in healthy.get("pods", "-l", "app=steady")["items"]} == pods
    for node in workers:
        healthy.wait_services(node)
    healthy.wait_pods()


def objects(cluster: Cluster) -> set[tuple[str, str, str]]:
    """Kind, name and uid of what lasts in the cluster."""
    kinds = "namespaces,configmaps,secrets,serviceaccounts,deployments,daemonsets,services,nodes,clusterroles,crds"
    return {
        (item["kind"], item["metadata"]["name"], item["metadata"]["uid"]) for item in cluster.get(kinds, "-A")["items"]
    }


def etcd_member(cluster: Cluster) -> str:
    found = re.search(r"\b([0-9a-f]{16})\b", cluster.ok("etcd", "members", "--nodes", cluster.nodes[0].address))
    assert found
    return found[1]


def test_the_control_plane_reboots_and_keeps_etcd_and_every_object(healthy: Cluster) -> None:
    node = healthy.nodes[0]
    healthy.kubectl("create", "configmap", "kept", "--from-literal=key=value")
    kept, member, before = objects(healthy), etcd_member(healthy), boots(healthy)
    others = {n.name: healthy.process(n, "kubelet") for n in healthy.nodes[1:]}
    healthy.ok("reboot", "--nodes", node.address, "--wait", "--timeout", "4m")
    assert boots(healthy) == {**before, node.name: before[node.name] + 1}
    healthy.wait_services(node)
    wait_for(healthy.nodes_ready, "the nodes are Ready again", 180, pause_s=1)
    healthy.wait_pods()
    assert kept - objects(healthy) == set()
    assert etcd_member(healthy) == member
    assert healthy.get("configmap", "kept")["data"] == {"key": "value"}
    assert {n.name: healthy.process(n, "kubelet") for n in healthy.nodes[1:]} == others
    healthy.kubectl("delete", "configmap", "kept")


def test_all_nodes_reboot_at_once(healthy: Cluster) -> None:
    before = boots(healthy)
    healthy.ok("reboot", "--nodes", healthy.addresses, "--wait", "--timeout", "4m")
    assert boots(healthy) == {name: count + 1 for name, count in before.items()}
    wait_for(healthy.nodes_ready, "the nodes are Ready again", 180, pause_s=1)
    healthy.wait_pods()


def state(cluster: Cluster, node: NodeModel) -> str:
    status = monitors.status(cluster.directory, node)
    return status.state if status is not None and status.alive else f"ended: {status.state if status else ''}"


def node_object(cluster: Cluster, name: str) -> dict[str, Any]:
    return cluster.get("node", name)


def test_a_worker_shuts_down_and_comes_back_when_it_is_switched_on(healthy: Cluster) -> None:
    node = healthy.nodes[-1]
    healthy.ok("shutdown", "--nodes", node.address, "--wait", "--timeout", "4m")
    wait_for(lambda: state(healthy, node) == "ended: stopped", f"{node.name} is off", 60)
    assert healthy.all_processes(node) == set()
    monitors.start(healthy.directory, node)
    healthy.wait_services(node)
    wait_for(healthy.nodes_ready, "all nodes are Ready again", 180, pause_s=1)
    wait_for(lambda: not node_object(healthy, node.name)["spec"].get("unschedulable"), "it is schedulable again", 60)
    healthy.wait_pods()


def test_a_reset_worker_loses_its_data_and_joins_anew(healthy: Cluster) -> None:
    """The configuration that the platform holds (USERDATA) is what it starts with then, as a machine of a cloud."""
    node = healthy.nodes[-1]
    marker = healthy.directory.node(node.name).ephemeral / "lib" / "marker"
    marker.write_text("old data")
    identity = (healthy.directory.node(node.name).state / "node-identity.yaml").read_text()
    before = healthy.boots(node)
    healthy.ok("reset", "--nodes", node.address, "--reboot", "--graceful", "--wait", "--timeout", "4m")
    wait_for(lambda: healthy.boots(node) == before + 1, "it starts anew", 60)
    assert not marker.exists()
    healthy.wait_services(node)
    wait_for(healthy.nodes_ready, "all nodes are Ready again", 180, pause_s=1)
    assert (healthy.directory.node(node.name).state / "node-identity.yaml").read_text() != identity
    healthy.wait_pods()
