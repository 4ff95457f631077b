"""What a configuration asks for happens: one change of everything, one test for each kind of effect, and back again."""

from __future__ import annotations

import re
import socket
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from cryptography import x509

from talos.provision.model import NodeModel
from tests.cluster.cluster import Cluster, Process, wait_for
from tests.cluster.harness import COREDNS_IMAGE

HEAD = "apiVersion: v1alpha1\nkind: "
MANIFEST = "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {}, namespace: kube-system}}\ndata: {{from: here}}\n"
WORKER = """machine:
  certSANs: [worker.example.org, 192.0.2.77]
  seccompProfiles: [{{name: log.json, value: {{defaultAction: SCMP_ACT_LOG}}}}]
---
{head}CRIBaseRuntimeSpecConfig
overrides: {{process: {{rlimits: [{{type: RLIMIT_NOFILE, hard: 4321, soft: 4321}}]}}}}
---
{head}TCPProbeConfig
name: mirror
endpoint: {host}:{port}
---
{head}HTTPProbeConfig
name: nobody
url: http://{host}:{port}/nothing-here
failureThreshold: 2
---
{head}KubeNodeConfig
labels: {{example.org/label: here}}
annotations: {{example.org/note: here}}
---
{head}StaticHostConfig
name: 192.0.2.78
hostnames: [host.example.org]
---
{head}SysctlConfig
params: {{net.ipv4.ip_default_ttl: '81'}}
---
{head}KubeletConfig
config: {{maxPods: 81}}
extraArgs: {{v: '3'}}
---
{head}RegistryMirrorConfig
name: registry.example.org
endpoints: [{{url: 'http://{host}:{port}'}}]
skipFallback: true
---
{head}EtcFileConfig
name: example.conf
mode: 0o640
contents: here
---
{head}KubeStaticPodConfig
name: example
pod:
  apiVersion: v1
  kind: Pod
  metadata: {{name: example, namespace: kube-system}}
  spec:
    hostNetwork: true
    containers: [{{name: pause, image: 'registry.k8s.io/pause:3.10.2'}}]
"""
LIMITED = """
apiVersion: v1
kind: Pod
metadata: {{name: limited}}
spec:
  nodeName: {node}
  containers: [{{name: main, image: '{image}', args: [-dns.port, '1053']}}]
"""
CONTROL_PLANE = """{head}KubeNodeConfig
taints: {{example.org/taint: here:NoSchedule}}
---
{head}KubeAPIServerConfig
extraArgs: {{event-ttl: 2h0m0s}}
certExtraSANs: [api.example.org]
---
{head}KubeInlineManifestConfig
name: inline
manifest: |
{inline}
---
{head}KubeExternalManifestConfig
name: external
url: http://{host}:{port}/manifest.yaml
"""


class Registry(NamedTuple):
    """Where it is, paths it was asked for, and what callers below /v2/private/ said who they are."""

    asked: list[str]
    logins: list[str]
    host: str
    port: int


class Changed(NamedTuple):
    """A cluster with the configuration above, and what was asked of the web server."""

    cluster: Cluster
    worker: NodeModel
    requests: list[str]

    @property
    def node(self) -> dict[str, Any]:
        """The worker in Kubernetes."""
        return self.cluster.get("node", self.worker.name)

    def read(self, path: str) -> str:
        return self.cluster.ok("read", path, "--nodes", self.worker.address)


@pytest.fixture(scope="module")
def requests(cluster: Cluster) -> Iterator[Registry]:
    """A registry and web server that notes what it is asked, on the bridge of the cluster. It has no image."""
    asked: list[str] = []
    logins: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            if self.path.startswith("/v2/private/"):
                logins.append(self.headers.get("Authorization", ""))
                if not logins[-1]:
                    self.send_response(401)
                    self.send_header("WWW-Authenticate", 'Basic realm="example"')
                    self.end_headers()
                    return
            found = self.path == "/manifest.yaml"
            self.send_response(200 if found else 404)
            self.end_headers()
            self.wfile.write(MANIFEST.format("external-manifest").encode() if found else b"{}")

        do_HEAD = do_GET

        def log_message(self, *_: object) -> None:
            pass

    with socket.create_connection((cluster.nodes[0].address, 50000)) as way:
        host = way.getsockname()[0]
    server = ThreadingHTTPServer((host, 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield Registry(asked, logins, host, server.server_address[1])
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def changed(cluster: Cluster, requests: Registry, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Changed]:
    cluster.wait_ready()
    cluster.wait_pods()
    folder = tmp_path_factory.mktemp("before")
    host, port = requests.host, requests.port
    nodes = (cluster.nodes[0], cluster.nodes[-1])
    inline = "".join(f"  {line}\n" for line in MANIFEST.format("inline-manifest").splitlines())
    boots = [cluster.boots(node) for node in nodes]
    for node, text in zip(nodes, (CONTROL_PLANE, WORKER), strict=True):
        (folder / f"{node.name}.yaml").write_text(cluster.resources(node, "mc")[0]["spec"])
        patch = text.format(head=HEAD, host=host, port=port, inline=inline)
        cluster.ok("patch", "mc", "--nodes", node.address, "--mode", "no-reboot", "--patch", patch)
    yield Changed(cluster, nodes[1], requests.asked)
    for node in nodes:
        cluster.ok("apply-config", "--nodes", node.address, "--file", folder / f"{node.name}.yaml", retry_s=60)
    wait_for(lambda: "example.org/label" not in cluster.get("node", nodes[1].name)["metadata"]["labels"], "label gone")
    name = f"kube-apiserver-{nodes[0].name}"
    wait_for(lambda: "event-ttl" not in str(cluster.get("pod", "-n", "kube-system", name)["spec"]), "API server back")
    cluster.wait_pods()
    assert [cluster.boots(node) for node in nodes] == boots, "nothing of this needs a reboot"
    maps = ("-n", "kube-system", "get", "configmap", "inline-manifest", "external-manifest", "--ignore-not-found")
    wait_for(lambda: not cluster.try_kubectl(*maps, "-o", "name").out, "what the manifests made is gone with them")


def certificate(address: str, port: int) -> x509.SubjectAlternativeName:
    """Names of the certificate that a server shows."""
    pem = ssl.get_server_certificate((address, port))
    found = x509.load_pem_x509_certificate(pem.encode()).extensions
    return found.get_extension_for_class(x509.SubjectAlternativeName).value


def test_sysctl(changed: Changed) -> None:
    wait_for(lambda: changed.read("/proc/sys/net/ipv4/ip_default_ttl").strip() == "81", "the sysctl is set", 10)


def test_host_entry(changed: Changed) -> None:
    wait_for(lambda: re.search(r"192\.0\.2\.78\s+host\.example\.org", changed.read("/etc/hosts")), "the entry", 10)


def test_file_of_etc(changed: Changed) -> None:
    wait_for(lambda: changed.read("/etc/example.conf") == "here", "the file is there", 10)


def test_seccomp_profile(changed: Changed) -> None:
    path = "/var/lib/kubelet/seccomp/profiles/log.json"
    wait_for(lambda: changed.read(path) == '{"defaultAction":"SCMP_ACT_LOG"}', "the profile is there", 10)


def test_probes(changed: Changed, requests: Registry) -> None:
    """One succeeds, one is answered 404: so the network does not count as up."""
    cluster, worker = changed.cluster, changed.worker
    at = f"{requests.host}:{requests.port}"

    def told() -> bool:
        found = {r["metadata"]["id"]: r["spec"] for r in cluster.resources(worker, "probestatuses")}
        return {id_: spec["success"] for id_, spec in found.items()} == {
            f"tcp:{at}": True,
            f"http:http://{at}/nothing-here": False,
        }

    wait_for(told, "both probes have a status", 30)
    assert not cluster.resources(worker, "networkstatus")[0]["spec"]["connectivityReady"]
    assert "/nothing-here" in changed.requests


def test_every_new_container_starts_from_the_specification(changed: Changed) -> None:
    cluster, worker = changed.cluster, changed.worker
    wait_for(lambda: "4321" in changed.read("/etc/cri/conf.d/base-spec.json"), "the file is there", 10)
    wait_for(lambda: cluster.services(worker)["cri"] == ("Running", "OK"), "containerd has read it", 60)
    cluster.apply(LIMITED.format(node=worker.name, image=COREDNS_IMAGE))

    def limit() -> str:
        uid = cluster.get("pod", "limited")["metadata"]["uid"]
        for process in cluster.all_processes(worker):
            if uid in process.group.replace("_", "-") and process.name == "coredns":
                limits = Path(f"/proc/{process.pid}/limits").read_text()
                return " ".join(re.findall(r"Max open files +(\d+) +(\d+)", limits)[0])
        return ""

    try:
        wait_for(lambda: limit() == "4321 4321", "the container's own limit", 60)
    finally:
        cluster.kubectl("delete", "pod", "limited", "--grace-period=0", "--force")


def test_label_and_annotation(changed: Changed) -> None:
    def there() -> bool:
        metadata = changed.node["metadata"]
        return (
            metadata["labels"].get("example.org/label") == "here"
            and metadata["annotations"].get("example.org/note") == "here"
        )

    wait_for(there, "label and annotation are on the node", 120)  # the API server is restarted meanwhile


def test_taint_of_a_control_plane_node(changed: Changed) -> None:
    """A worker's own are set when it joins; Kubernetes lets no kubelet change them later."""

    def there() -> bool:
        node = changed.cluster.get("node", changed.cluster.nodes[0].name)
        taints = {(t["key"], t.get("value"), t["effect"]) for t in node["spec"].get("taints", [])}
        return ("example.org/taint", "here", "NoSchedule") in taints

    wait_for(there, "the taint is on the node", 120)


def test_names_in_the_certificate_of_the_node(changed: Changed) -> None:
    def named() -> bool:
        names = certificate(changed.worker.address, 50000)
        return "worker.example.org" in names.get_values_for_type(x509.DNSName) and "192.0.2.77" in map(
            str, names.get_values_for_type(x509.IPAddress)
        )

    wait_for(named, "the names are in the certificate", 60)


def test_kubelet_argument_and_configuration(changed: Changed) -> None:
    wait_for(lambda: "--v=3" in changed.cluster.process(changed.worker, "kubelet").command, "the argument", 60)
    wait_for(lambda: changed.node["status"]["capacity"]["pods"] == "81", "the node takes 81 pods", 60)


def test_registry_mirror(changed: Changed) -> None:
    address = changed.worker.address
    changed.cluster.try_talosctl("image", "pull", "registry.example.org/some/thing:1", "--nodes", address)
    wanted = "/v2/some/thing/manifests/1?ns=registry.example.org"
    wait_for(lambda: wanted in changed.requests, "the mirror is asked", 30)


def test_credentials_of_a_registry(changed: Changed, requests: Registry) -> None:
    """containerd is started anew to read them, and that once; no pod notices."""
    cluster, worker = changed.cluster, changed.worker
    image = f"{requests.host}:{requests.port}/private/thing:1"

    def login() -> str:
        requests.logins.clear()
        assert cluster.try_talosctl("image", "pull", image, "--nodes", worker.address).code == 1
        return requests.logins[-1]

    def pods() -> set[Process]:
        return {p for p in cluster.all_processes(worker) if "/kubepods" in p.group}

    mirror = f"{HEAD}RegistryMirrorConfig\nname: {requests.host}:{requests.port}\nendpoints:\n"
    mirror += f"  - url: http://{requests.host}:{requests.port}\n"
    cluster.ok("patch", "mc", "--nodes", worker.address, "--mode", "no-reboot", "--patch", mirror)
    wait_for(lambda: login() == "", "the registry is asked without credentials", 30)
    first, running = cluster.process(worker, "containerd"), pods()
    assert running
    for user, said in (("here", "Basic aGVyZTp0aGVyZQ=="), ("her", "Basic aGVyOnRoZXJl")):
        auth = f"{HEAD}RegistryAuthConfig\nname: {requests.host}:{requests.port}\nusername: {user}\npassword: there\n"
        cluster.ok("patch", "mc", "--nodes", worker.address, "--mode", "no-reboot", "--patch", auth)
        wait_for(lambda said=said: login() == said, f"the registry is asked by {user}", 60)  # type: ignore[misc]
        second = cluster.process(worker, "containerd")
        assert second != first
        first = second
    assert running - pods() == set()
    assert cluster.services(worker)["containerd"] == ("Running", "OK")


def test_modules_and_sysctls_of_the_host_are_said_to_be_without_effect(changed: Changed) -> None:
    text = f"{HEAD}KernelModuleConfig\nname: dummy\n---\n{HEAD}SysctlConfig\nparams: {{vm.swappiness: '1'}}\n"
    done = changed.cluster.try_talosctl("patch", "mc", "--nodes", changed.worker.address, "--dry-run", "--patch", text)
    assert done.code == 0
    assert "no effect in a container, modules are loaded into the host's kernel, by the host: dummy" in done.err
    assert "the others hold for the whole host: vm.swappiness" in done.err


def test_static_pod(changed: Changed) -> None:
    def runs() -> bool:
        pod = changed.cluster.get("pod", "-n", "kube-system", f"example-{changed.worker.name}")
        return bool(pod["status"]["phase"] == "Running")

    wait_for(runs, "the static pod runs", 90)


def test_argument_and_certificate_names_of_the_api_server(changed: Changed) -> None:
    cluster = changed.cluster
    name = f"kube-apiserver-{cluster.nodes[0].name}"

    def there() -> bool:
        (container,) = cluster.get("pod", "-n", "kube-system", name)["spec"]["containers"]
        names = certificate(cluster.nodes[0].address, 6443).get_values_for_type(x509.DNSName)
        return "--event-ttl=2h0m0s" in [*container.get("command", []), *container.get("args", [])] and (
            "api.example.org" in names
        )

    wait_for(there, "the API server has the argument and the name", 120, pause_s=1)


@pytest.mark.parametrize("name", ["inline-manifest", "external-manifest"])
def test_extra_manifest(changed: Changed, name: str) -> None:
    wait_for(
        lambda: changed.cluster.get("configmap", "-n", "kube-system", name)["data"] == {"from": "here"},
        f"{name} is applied",
        90,
        pause_s=1,
    )


def test_file_and_environment_come_with_a_reboot(changed: Changed) -> None:
    """machine.files and variables are read at boot (tests/cluster/test_z_reboot: they are there after it)."""
    cluster, worker = changed.cluster, changed.worker
    text = "machine:\n  files:\n    - {path: /var/example, content: here, permissions: 0o600, op: create}\n"
    done = cluster.try_talosctl("patch", "mc", "--nodes", worker.address, "--dry-run", "--patch", text)
    assert "A reboot is needed: machine.files." in done.err
    refused = cluster.try_talosctl("patch", "mc", "--nodes", worker.address, "--mode", "no-reboot", "--patch", text)
    assert "needs a reboot, mode no-reboot allows none: machine.files" in refused.err


def test_what_is_not_carried_out_is_said(changed: Changed) -> None:
    text = f"{HEAD}PCIDriverRebindConfig\nname: '0'\ntargetDriver: x\n"
    done = changed.cluster.try_talosctl("patch", "mc", "--nodes", changed.worker.address, "--dry-run", "--patch", text)
    assert "PCIDriverRebindConfig '0'" in done.err
    assert "does not carry out" in done.err
