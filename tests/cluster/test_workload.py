"""Pods, Services and names across nodes. The workload is CoreDNS, which the nodes carry: nothing has to be pulled.

`web` answers hello.test; `client`, on one worker, forwards questions to whatever is to be reached: a pod, a Service,
the cluster's DNS. The test asks `client` through `kubectl port-forward`.
"""

from __future__ import annotations

import json
import re
import socket
import struct
import subprocess
from collections.abc import Iterator

import pytest

from tests.cluster.harness import COREDNS_IMAGE, KUBECTL, Cluster, condition, eventually

ANSWER = "192.0.2.77"

WEB = f"""
apiVersion: v1
kind: Namespace
metadata: {{name: workload}}
---
apiVersion: v1
kind: ConfigMap
metadata: {{name: web, namespace: workload}}
data:
  Corefile: |
    .:5353 {{
      health :8080
      ready :8181
      hosts {{
        {ANSWER} hello.test
      }}
      log
    }}
---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: web, namespace: workload}}
spec:
  replicas: 2
  selector: {{matchLabels: {{app: web}}}}
  template:
    metadata: {{labels: {{app: web}}}}
    spec:
      topologySpreadConstraints:
        - {{maxSkew: 1, topologyKey: kubernetes.io/hostname, whenUnsatisfiable: DoNotSchedule,
            labelSelector: {{matchLabels: {{app: web}}}}}}
      containers:
        - name: web
          image: {COREDNS_IMAGE}
          args: [-conf, /etc/coredns/Corefile]
          readinessProbe: {{httpGet: {{path: /ready, port: 8181}}, periodSeconds: 1}}
          volumeMounts: [{{name: config, mountPath: /etc/coredns}}]
          securityContext: {{allowPrivilegeEscalation: false, capabilities: {{drop: [ALL]}}}}
      volumes: [{{name: config, configMap: {{name: web}}}}]
---
apiVersion: v1
kind: Service
metadata: {{name: web, namespace: workload}}
spec:
  selector: {{app: web}}
  ports:
    - {{name: dns, port: 53, targetPort: 5353, protocol: UDP}}
    - {{name: dns-tcp, port: 53, targetPort: 5353, protocol: TCP}}
    - {{name: http, port: 80, targetPort: 8080}}
"""

CLIENT = """
apiVersion: v1
kind: ConfigMap
metadata: {{name: client, namespace: workload}}
data:
  Corefile: |
{corefile}
---
apiVersion: v1
kind: Pod
metadata: {{name: client, namespace: workload}}
spec:
  nodeName: {node}
  terminationGracePeriodSeconds: 0
  containers:
    - name: client
      image: {image}
      args: [-conf, /etc/coredns/Corefile]
      readinessProbe: {{httpGet: {{path: /ready, port: 8181}}, periodSeconds: 1}}
      volumeMounts: [{{name: config, mountPath: /etc/coredns}}]
  volumes: [{{name: config, configMap: {{name: client}}}}]
"""


def zone(name: str, port: int, upstream: str, extra: str = "") -> str:
    return f"    {name}:{port} {{\n      forward . {upstream}\n      {extra}\n    }}\n"


def ask(port: int, name: str) -> str | None:
    """The A record of a name, asked over TCP; None for an answer without one."""
    question = (
        b"".join(bytes([len(part)]) + part.encode() for part in name.split(".")) + b"\0" + struct.pack("!HH", 1, 1)
    )
    query = struct.pack("!HHHHHH", 1, 0x0100, 1, 0, 0, 0) + question
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(struct.pack("!H", len(query)) + query)
        file = connection.makefile("rb")
        (length,) = struct.unpack("!H", file.read(2))
        answer = file.read(length)
    if answer[3] & 0x0F or not struct.unpack_from("!H", answer, 6)[0]:
        return None
    return socket.inet_ntoa(answer[-4:]) if len(answer) >= 12 + len(question) + 16 else None


def web_pods(cluster: Cluster) -> list[dict[str, object]]:
    pods = cluster.get("pods", "-n", "workload", "-l", "app=web")["items"]
    assert len([pod for pod in pods if condition(pod, "Ready") == "True"]) == 2, "two pods are Ready"
    return [pod for pod in pods if condition(pod, "Ready") == "True"]


@pytest.fixture(scope="module")
def workload(cluster: Cluster) -> Iterator[Cluster]:
    cluster.apply(WEB)
    cluster.kubectl("rollout", "status", "-n", "workload", "deployment/web", "--timeout=90s")
    yield cluster
    cluster.kubectl("delete", "namespace", "workload", "--wait=true", timeout_s=180)


@pytest.fixture(scope="module")
def forwarded(workload: Cluster) -> Iterator[dict[str, int]]:
    """A local port for each thing to reach, through the client pod on the second worker."""
    service = workload.get("service", "web", "-n", "workload")["spec"]["clusterIP"]
    dns = workload.get("service", "kube-dns", "-n", "kube-system")["spec"]["clusterIP"]
    pods = web_pods(workload)
    targets = {"service": f"{service}:53", "names": f"{dns}:53"}
    targets |= {f"pod{number}": f"{pod['status']['podIP']}:5353" for number, pod in enumerate(pods)}  # type: ignore[index]
    ports = {name: 6000 + number for number, name in enumerate(targets)}
    corefile = "".join(
        zone(".", ports[name], target, "ready :8181" if name == "service" else "") for name, target in targets.items()
    )
    node = workload.model.nodes[-1].name
    workload.apply(CLIENT.format(corefile=corefile, node=node, image=COREDNS_IMAGE))
    workload.kubectl("wait", "-n", "workload", "pod/client", "--for=condition=Ready", "--timeout=60s")
    command = [KUBECTL, "--kubeconfig", workload.kubeconfig, "port-forward", "-n", "workload", "pod/client"]
    process = subprocess.Popen(
        [*command, *(f":{port}" for port in ports.values())],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout is not None
        local: dict[int, int] = {}
        while len(local) < len(ports):
            line = process.stdout.readline()
            assert line, "kubectl port-forward ended"
            if match := re.search(r"127\.0\.0\.1:(\d+) -> (\d+)", line):
                local[int(match[2])] = int(match[1])
        yield {name: local[port] for name, port in ports.items()}
    finally:
        process.terminate()
        process.wait(10)
        assert process.stdout is not None
        process.stdout.close()


def test_deployment_is_spread_over_both_workers(workload: Cluster) -> None:
    assert len({pod["spec"]["nodeName"] for pod in web_pods(workload)}) == 2  # type: ignore[index]


def test_pods_reach_pods_on_their_own_and_on_other_nodes(forwarded: dict[str, int]) -> None:
    for number in range(2):
        assert eventually(lambda number=number: ask(forwarded[f"pod{number}"], "hello.test"), 20) == ANSWER  # type: ignore[misc]


def test_pods_reach_a_service(forwarded: dict[str, int]) -> None:
    for _ in range(6):
        assert eventually(lambda: ask(forwarded["service"], "hello.test"), 20) == ANSWER


def test_names_of_services_resolve(workload: Cluster, forwarded: dict[str, int]) -> None:
    address = workload.get("service", "web", "-n", "workload")["spec"]["clusterIP"]
    found = eventually(lambda: ask(forwarded["names"], "web.workload.svc.cluster.local"), 20)
    assert found == address
    assert ask(forwarded["names"], "kubernetes.default.svc.cluster.local") == "10.96.0.1"
    assert ask(forwarded["names"], "nothing.workload.svc.cluster.local") is None


def test_names_outside_are_refused_quickly(forwarded: dict[str, int]) -> None:
    import time

    began = time.monotonic()
    assert ask(forwarded["names"], "example.org") is None
    assert time.monotonic() - began < 3


def test_api_server_reaches_pods_and_services(workload: Cluster) -> None:
    answer = workload.kubectl("get", "--raw", "/api/v1/namespaces/workload/services/web:http/proxy/health")
    assert answer.strip() == "OK"


def test_logs_of_a_pod(workload: Cluster) -> None:
    assert "CoreDNS-1.14.7" in workload.kubectl("logs", "-n", "workload", "deployment/web")


def test_exec_in_a_pod(workload: Cluster) -> None:
    for pod in web_pods(workload):
        name = pod["metadata"]["name"]  # type: ignore[index]
        assert "CoreDNS-1.14.7" in workload.kubectl("exec", "-n", "workload", name, "--", "/coredns", "-version")


def test_node_metrics_and_capacity_are_readable(workload: Cluster) -> None:
    node = workload.model.nodes[-1].name
    summary = json.loads(workload.kubectl("get", "--raw", f"/api/v1/nodes/{node}/proxy/stats/summary"))
    assert summary["node"]["nodeName"] == node
