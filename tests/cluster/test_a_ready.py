"""The cluster that one command made: who its nodes are, what runs on them, and whom it spoke to. First on the shared
cluster, before other tests reboot its nodes and ask for images."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from lightkube import Client
from lightkube.models.core_v1 import NodeCondition
from lightkube.resources.core_v1 import Event, Node, Pod

from talos.linux.mount import mounts
from talos.machined.cluster_health import CONTROL_PLANE_PODS
from talos.versions import CONTAINERD_VERSION, DEFAULT_KUBERNETES_VERSION, TALOS_VERSION
from tests.cluster.cluster import Cluster, run, wait_for
from tests.cluster.egress import Egress
from tests.cluster.harness import COREDNS_IMAGE


def test_three_nodes_are_ready_with_their_addresses_and_versions(cluster: Cluster, kube: Client) -> None:
    cluster.wait_ready()
    nodes = {node.metadata.name: node for node in kube.list(Node)}
    assert set(nodes) == {node.name for node in cluster.nodes}
    for expected in cluster.nodes:
        status = nodes[expected.name].status
        addresses = {(address.type, address.address) for address in status.addresses}
        assert addresses == {("InternalIP", expected.address), ("Hostname", expected.name)}
        assert status.nodeInfo.kubeletVersion == f"v{DEFAULT_KUBERNETES_VERSION}"
        assert status.nodeInfo.osImage == f"Talos ({TALOS_VERSION})"
        assert status.nodeInfo.containerRuntimeVersion == f"containerd://{CONTAINERD_VERSION}"


def test_only_the_control_plane_node_has_its_role_and_taint(cluster: Cluster, kube: Client) -> None:
    role = "node-role.kubernetes.io/control-plane"
    for expected in cluster.nodes:
        node = kube.get(Node, expected.name)
        is_control_plane = expected.role == "controlplane"
        assert (role in node.metadata.labels) == is_control_plane
        taints = {(taint.key, taint.effect) for taint in node.spec.taints or []}
        assert taints == ({(role, "NoSchedule")} if is_control_plane else set())


def test_every_pod_of_the_system_runs_and_none_has_restarted(cluster: Cluster, kube: Client) -> None:
    # kubelet tells of a static pod when something happens to it, else within syncFrequency (1 min) and half as much
    # again: one that was up before its node was registered is told of then only.
    programs = {f"{name}-{cluster.nodes[0].name}" for name in CONTROL_PLANE_PODS}
    wait_for(lambda: programs <= {pod.metadata.name for pod in kube.list(Pod, namespace="kube-system")}, str(programs))
    cluster.wait_pods()
    pods = {pod.metadata.name: pod for pod in kube.list(Pod, namespace="kube-system")}
    for kind, count in (("kube-proxy", 3), ("kube-flannel", 3), ("coredns", 2)):
        assert sum(name.startswith(f"{kind}-") for name in pods) == count, sorted(pods)
    restarts = {
        f"{name}/{status.name}": status.restartCount
        for name, pod in pods.items()
        for status in pod.status.containerStatuses
        if status.restartCount
    }
    assert restarts == {}


def test_talos_says_the_same_as_kubernetes(cluster: Cluster) -> None:
    for node in cluster.nodes:
        assert [(r["metadata"]["id"], r["spec"]) for r in cluster.resources(node, "machinetype")] == [
            ("machine-type", node.role)
        ]
        members = {r["spec"]["hostname"]: r["spec"] for r in cluster.resources(node, "members")}
        assert {(name, m["machineType"], *m["addresses"]) for name, m in members.items()} == {
            (n.name, n.role, n.address) for n in cluster.nodes
        }
    version = cluster.ok("version", "--nodes", ",".join(node.address for node in cluster.nodes))
    assert re.findall(r"NODE:\s+(\S+)\s+Tag:\s+(\S+)", version) == [(n.address, TALOS_VERSION) for n in cluster.nodes]


def test_no_registry_is_contacted(cluster: Cluster, kube: Client) -> None:
    """The kubelet says «already present» for each image, containerd's log names no pull, all images are its own."""
    for event in kube.list(Event, namespace="*"):
        assert event.reason not in ("Pulling", "Pulled") or "already present" in (event.message or ""), event.message
    for node in cluster.nodes:
        log = cluster.log(node, "containerd.log")
        assert "containerd" in log
        assert [line for line in log.splitlines() if "PullImage" in line] == []
        assert [line for line in cluster.log(node, "kubelet.log").splitlines() if "PullImage" in line] == []


def outside(cluster: Cluster, egress: Egress) -> set[str]:
    """What nodes tried beyond their network. Their one resolver is the bridge, where nobody listens: a name that is
    asked for outside is refused there."""
    return egress.destinations() - {f"{cluster.model.gateway}/udp/53", f"{cluster.model.gateway}/tcp/53"}


def test_nothing_leaves_the_network_of_the_cluster(healthy: Cluster, egress: Egress) -> None:
    """No time server, no resolver, no registry, no discovery service: not one connection is tried."""
    assert outside(healthy, egress) == set()


def test_the_record_of_what_leaves_would_show_it(cluster: Cluster, egress: Egress) -> None:
    """Counterpart of the test above: a pod that calls out is seen. (TEST-NET-3 of RFC 5737 leads nowhere.)"""
    init = cluster.init_pid(cluster.nodes[-1])
    probe = "import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.sendto(b'x', ('203.0.113.9', 9))"
    done = run("nsenter", "--net", "--target", str(init), "python3", "-c", probe)
    assert done.code == 0, done.text
    assert outside(cluster, egress) == {"203.0.113.9/udp/9"}


def test_nodes_with_little_memory_stay_ready_under_a_small_workload(healthy: Cluster, kube: Client) -> None:
    """2 GiB for the control plane node, 1 GiB for a worker, and pods that hold memory and answer health checks."""
    for node in healthy.nodes:
        assert _memory(healthy, node.name)[0] == {"controlplane": 2 << 30, "worker": 1 << 30}[node.role]
    transitions = _ready_since(kube)
    healthy.apply(WORKLOAD)
    try:
        healthy.kubectl("rollout", "status", "deployment/load", "--timeout=120s", timeout_s=140)
        placed = {pod["spec"]["nodeName"] for pod in healthy.get("pods", "-l", "app=load")["items"]}
        assert placed == {node.name for node in healthy.nodes if node.role == "worker"}
        assert _ready_since(kube) == transitions, "a node was not Ready for a time"
        assert {node.name: _memory(healthy, node.name)[1] for node in healthy.nodes} == dict.fromkeys(
            (node.name for node in healthy.nodes), 0
        ), "the kernel killed processes for want of memory"
    finally:
        healthy.kubectl("delete", "deployment/load", "configmap/load", "--wait=true")


def _ready_since(kube: Client) -> dict[str, object]:
    def ready(conditions: list[NodeCondition]) -> NodeCondition:
        return next(condition for condition in conditions if condition.type == "Ready")

    found = {node.metadata.name: ready(node.status.conditions) for node in kube.list(Node)}
    assert all(condition.status == "True" for condition in found.values()), found
    return {name: condition.lastTransitionTime for name, condition in found.items()}


def _memory(cluster: Cluster, name: str) -> tuple[int, int]:
    """A node's memory limit in bytes, and how many processes the kernel killed for want of memory."""
    group = f"{cluster.directory.cgroup}/{name}"
    v1, v2 = Path("/sys/fs/cgroup/memory", group), Path("/sys/fs/cgroup", group)
    limit, events = (v1 / "memory.limit_in_bytes", v1 / "memory.oom_control")
    if not v1.exists():
        limit, events = (v2 / "memory.max", v2 / "memory.events")
    killed = re.search(r"^oom_kill (\d+)$", events.read_text(), re.MULTILINE)
    assert killed, events.read_text()
    return int(limit.read_text()), int(killed[1])


# CoreDNS is the one program of the image's that serves, checks its own health and needs no rights: six of it on two
# nodes hold about 100 MiB.
WORKLOAD = f"""
apiVersion: v1
kind: ConfigMap
metadata: {{name: load}}
data: {{Corefile: ".:5353 {{\\n ready :8181\\n}}\\n"}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: load}}
spec:
  replicas: 6
  selector: {{matchLabels: {{app: load}}}}
  template:
    metadata: {{labels: {{app: load}}}}
    spec:
      terminationGracePeriodSeconds: 1
      topologySpreadConstraints:
      - {{maxSkew: 1, topologyKey: kubernetes.io/hostname, whenUnsatisfiable: DoNotSchedule,
         labelSelector: {{matchLabels: {{app: load}}}}, nodeTaintsPolicy: Honor}}
      containers:
      - name: dns
        image: {COREDNS_IMAGE}
        args: [-conf, /etc/coredns/Corefile]
        resources: {{requests: {{cpu: 10m, memory: 16Mi}}}}
        readinessProbe: {{httpGet: {{path: /ready, port: 8181}}, periodSeconds: 1}}
        volumeMounts: [{{name: config, mountPath: /etc/coredns}}]
      volumes: [{{name: config, configMap: {{name: load}}}}]
"""


@pytest.mark.parametrize("program", ["python3", "sh", "bash"])
def test_a_node_offers_no_shell(cluster: Cluster, program: str) -> None:
    for folder in ("/bin", "/sbin", "/usr/bin", "/usr/sbin", "/usr/local/bin"):
        assert not cluster.node_path(cluster.nodes[0], f"{folder}/{program}").exists()


def test_each_node_runs_the_services_of_its_role(cluster: Cluster) -> None:
    common = {"apid", "containerd", "cri", "kubelet", "machined", "networkd", "timed"}
    for node in cluster.nodes:
        cluster.wait_services(node)
        expected = common | ({"etcd", "trustd"} if node.role == "controlplane" else set())
        assert cluster.services(node).keys() == expected


def test_the_image_is_mounted_once_and_never_on_the_host(cluster: Cluster) -> None:
    image = cluster.model.image
    carriers = [
        path for path in Path("/sys/block").glob("loop*/loop/backing_file") if path.read_text().strip() == image
    ]
    used = {node.name: _root_device(cluster, node.name) for node in cluster.nodes}
    assert len(set(used.values())) == 1, used
    assert len(carriers) >= 1
    assert not [entry for entry in mounts() if str(cluster.directory.path) in entry.target]


def _root_device(cluster: Cluster, name: str) -> str:
    node = next(node for node in cluster.nodes if node.name == name)
    table = Path(f"/proc/{cluster.init_pid(node)}/mountinfo").read_text().splitlines()
    return next(fields[2] for line in table if (fields := line.split())[4] == "/")


def test_a_node_sees_no_path_of_the_host_but_its_storage(cluster: Cluster) -> None:
    for node in cluster.nodes:
        own = str(cluster.directory.node(node.name).path)
        for line in cluster.ok("read", "/proc/1/mountinfo", "--nodes", node.address).splitlines():
            fields = line.split()
            if fields[fields.index("-") + 1] in ("ext4", "xfs", "btrfs"):
                assert fields[3].startswith(own), line
