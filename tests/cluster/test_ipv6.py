"""Clusters with IPv6, beside IPv4 and alone: nodes, control plane, pods, Services and names over every family.

The workload is CoreDNS, which nodes carry. What a pod reaches is tried in its network namespace, by the host's Python.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from ipaddress import ip_address, ip_network

import pytest

from talos.config.generate.input import POD_SUBNETS, SERVICE_SUBNETS
from talos.controllers.network.host_dns_config import HOST_DNS_ADDRESS, HOST_DNS_ADDRESS_V6
from talos.provision.model import NodeModel, host_port
from tests.cluster.cluster import TALOSCTL, Cluster, at, run, wait_for
from tests.cluster.egress import Egress
from tests.cluster.harness import COREDNS_IMAGE

EXPOSED = 17643
FULL_DISK = """\
apiVersion: v1alpha1
kind: KubeletConfig
config:
  evictionHard: {imagefs.available: 1%, nodefs.available: 1%}
"""
"""The disk is the host's: a kubelet takes no pods when 85 % of it are in use, by whomever."""
WEB = f"""
apiVersion: v1
kind: ConfigMap
metadata: {{name: web}}
data:
  Corefile: |
    .:5353 {{
      health :8080
      ready :8181
    }}
---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: web}}
spec:
  replicas: 2
  selector: {{matchLabels: {{app: web}}}}
  template:
    metadata: {{labels: {{app: web}}}}
    spec:
      terminationGracePeriodSeconds: 0
      tolerations: [{{key: node-role.kubernetes.io/control-plane, operator: Exists}}]
      topologySpreadConstraints:
        - {{maxSkew: 1, topologyKey: kubernetes.io/hostname, whenUnsatisfiable: DoNotSchedule,
            labelSelector: {{matchLabels: {{app: web}}}}}}
      containers:
        - name: web
          image: {COREDNS_IMAGE}
          args: [-conf, /etc/coredns/Corefile]
          readinessProbe: {{httpGet: {{path: /ready, port: 8181}}, periodSeconds: 1}}
          volumeMounts: [{{name: config, mountPath: /etc/coredns}}]
      volumes: [{{name: config, configMap: {{name: web}}}}]
---
apiVersion: v1
kind: Service
metadata: {{name: web}}
spec:
  ipFamilyPolicy: POLICY
  selector: {{app: web}}
  ports: [{{name: http, port: 80, targetPort: 8080}}]
"""
HTTP = """
import socket, sys
for address, port in zip(sys.argv[1::2], sys.argv[2::2]):
    with socket.create_connection((address, int(port)), 5) as connection:
        connection.sendall(b"GET /health HTTP/1.0\\r\\n\\r\\n")
        assert connection.recv(100).startswith(b"HTTP/1.0 200"), address
"""
ASK = """
import socket, struct, sys
server, name, kind = sys.argv[1:]
question = b"".join(bytes([len(part)]) + part.encode() for part in name.split(".")) + b"\\0"
query = struct.pack("!HHHHHH", 7, 0x100, 1, 0, 0, 0) + question + struct.pack("!HH", int(kind), 1)
family = socket.AF_INET6 if ":" in server else socket.AF_INET
with socket.socket(family, socket.SOCK_DGRAM) as connection:
    connection.settimeout(5)
    connection.connect((server, 53))
    connection.send(query)
    answer = connection.recv(4096)
length = 4 if kind == "1" else 16
end = answer.index(struct.pack("!HH", int(kind), 1), 12 + len(question) + 4) + 10
print(socket.inet_ntop(socket.AF_INET if kind == "1" else socket.AF_INET6, answer[end : end + length]))
"""
A, AAAA = 1, 28


@pytest.fixture(scope="module", params=["dual", "alone"])
def made(request: pytest.FixtureRequest, host: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A control plane node and a worker."""
    cluster = at(tmp_path_factory.mktemp(request.param), request.param)
    flags = ["--ipv6", *(["--ipv4=false"] if request.param == "alone" else [])]
    with Egress(cluster.directory):
        try:
            cluster.create(
                *("--workers", "1", "--memory-workers", "1GiB", "--with-firewall", "block"),
                *("--exposed-ports", f"{EXPOSED}:6443/tcp", "--config-patch", FULL_DISK),
                *flags,
            )
            yield cluster
        finally:
            cluster.destroy()


@pytest.fixture(scope="module")
def web(made: Cluster) -> dict[str, list[str]]:
    """Addresses of the Service and of its two pods, by name, once the pods run."""
    made.apply(WEB.replace("POLICY", "RequireDualStack" if len(made.model.families) > 1 else "SingleStack"))
    done = made.try_kubectl("rollout", "status", "deployment/web", "--timeout=120s", timeout_s=150)
    if done.code != 0:
        pytest.fail(done.text + made.try_kubectl("describe", "pods,nodes").text)
    pods = made.get("pods", "-l", "app=web")["items"]
    assert len({pod["spec"]["nodeName"] for pod in pods}) == 2
    found = {pod["metadata"]["uid"]: [item["ip"] for item in pod["status"]["podIPs"]] for pod in pods}
    return {**found, "service": made.get("service", "web")["spec"]["clusterIPs"]}


def families(addresses: list[str]) -> list[int]:
    return [ip_address(address).version for address in addresses]


def inside(pid: int, program: str, *arguments: str) -> str:
    """What a program prints in the network of a process."""
    done = run("nsenter", "--net", "--target", str(pid), "python3", "-c", program, *arguments)
    assert done.code == 0, done.text
    return done.out.strip()


def process_of(made: Cluster, pod: str) -> int:
    """The host's number of a process of a pod."""
    return next(
        process.pid
        for node in made.nodes
        for process in made.all_processes(node)
        if (pod in process.group or pod.replace("-", "_") in process.group) and "coredns" in process.command
    )


def test_nodes_have_an_address_and_a_pod_subnet_of_each_family(made: Cluster) -> None:
    model = made.model
    found = {item["metadata"]["name"]: item for item in made.get("nodes")["items"]}
    for node in made.nodes:
        item = found[node.name]
        internal = [entry["address"] for entry in item["status"]["addresses"] if entry["type"] == "InternalIP"]
        assert internal == node.addresses
        for address, subnet in zip(node.addresses, model.subnets, strict=True):
            assert ip_address(address) in ip_network(subnet)
        assert [ip_network(cidr).version for cidr in item["spec"]["podCIDRs"]] == model.families
    shown = run(TALOSCTL, "cluster", "show", "--name", made.name, "--state", made.state).out
    for text in (",".join(model.subnets), ",".join(made.nodes[1].addresses)):
        assert text in shown


def test_talosctl_reaches_every_node_by_every_address(made: Cluster) -> None:
    for family, endpoint in enumerate(made.nodes[0].addresses):
        for text, node in zip((endpoint, host_port(endpoint, 50000)), made.nodes, strict=True):
            target = node.addresses[family]
            done = made.try_talosctl("--endpoints", text, "--nodes", target, "get", "hostname", "-o", "json")
            assert done.code == 0 and json.loads(done.out)["node"] == target, done.text
    if 6 in made.model.families:
        both = ",".join(f"[{node.addresses[-1]}]" for node in made.nodes)
        assert made.ok("--nodes", both, "version", "--short").count("NODE") == 2


def test_the_kubernetes_api_answers_on_every_address_with_a_certificate_for_it(made: Cluster) -> None:
    gateways = [host_port(gateway, EXPOSED) for gateway in made.model.gateways]
    for server in [*(host_port(address, 6443) for address in made.nodes[0].addresses)]:
        assert made.kubectl("--server", f"https://{server}", "get", "--raw", "/readyz") == "ok"
    for server in gateways:  # the exposed port; the certificate is for 127.0.0.1 and ::1, as published
        arguments = ("--server", f"https://{server}", "--tls-server-name", "localhost", "get", "--raw", "/readyz")
        assert made.kubectl(*arguments) == "ok"


def test_etcd_is_known_by_the_nodes_first_address(made: Cluster) -> None:
    address = made.nodes[0].address
    members = made.ok("etcd", "members", "--nodes", address)
    assert f"https://{host_port(address, 2380)}" in members and f"https://{host_port(address, 2379)}" in members
    assert made.ok("etcd", "status", "--nodes", address)


def test_services_and_pods_of_the_system_are_well(made: Cluster) -> None:
    made.wait_pods()
    for node in made.nodes:
        made.wait_services(node)


def test_pods_and_services_have_addresses_of_each_family(made: Cluster, web: dict[str, list[str]]) -> None:
    wanted = made.model.families
    for name, addresses in web.items():
        assert families(addresses) == wanted
        subnets = SERVICE_SUBNETS if name == "service" else POD_SUBNETS
        for address in addresses:
            assert ip_address(address) in ip_network(subnets[ip_address(address).version])


def test_pods_and_nodes_reach_pods_and_services_over_each_family(made: Cluster, web: dict[str, list[str]]) -> None:
    targets = [(address, "80" if name == "service" else "8080") for name, list_ in web.items() for address in list_]
    words = [word for target in targets for word in target]
    processes = [process_of(made, pod) for pod in web if pod != "service"]
    processes += [made.init_pid(node) for node in made.nodes]
    for process in processes:
        wait_for(lambda process=process: inside(process, HTTP, *words) == "", "all answer", 30)  # type: ignore[misc]


def test_names_resolve_in_pods_over_each_family(made: Cluster, web: dict[str, list[str]]) -> None:
    process = process_of(made, next(name for name in web if name != "service"))
    servers = made.get("service", "kube-dns", "-n", "kube-system")["spec"]["clusterIPs"]
    assert families(servers) == made.model.families
    for server in servers:
        for address in web["service"]:
            kind = A if ip_address(address).version == 4 else AAAA
            assert inside(process, ASK, server, "web.default.svc.cluster.local", str(kind)) == address


def test_pods_reach_the_dns_cache_of_their_node(made: Cluster, web: dict[str, list[str]]) -> None:
    caches = {4: HOST_DNS_ADDRESS, 6: HOST_DNS_ADDRESS_V6}
    wanted = [caches[family] for family in made.model.families]
    for node in made.nodes:
        text = made.ok("read", "/system/resolved/resolv.conf", "--nodes", node.address)
        assert [line.split()[1] for line in text.splitlines() if line.startswith("nameserver")] == wanted
    pod = next(name for name in web if name != "service")
    own = node_of(made, pod)
    kind = A if made.model.families[0] == 4 else AAAA
    for cache in wanted:
        assert inside(process_of(made, pod), ASK, cache, own.name, str(kind)) == own.address


def node_of(made: Cluster, pod: str) -> NodeModel:
    items = made.get("pods", "-l", "app=web")["items"]
    name = next(item["spec"]["nodeName"] for item in items if item["metadata"]["uid"] == pod)
    return next(node for node in made.nodes if node.name == name)


def test_nobody_outside_was_asked(made: Cluster) -> None:
    known = {f"{gateway}/{protocol}/53" for gateway in made.model.gateways for protocol in ("udp", "tcp")}
    assert Egress(made.directory).destinations() <= known
