"""From a configuration to what the kubelet is served, against what a genuine node rendered."""

from __future__ import annotations

import asyncio
import json
import socket
import stat
from pathlib import Path
from typing import Any

import yaml

from talos.config import Config
from talos.config.generate import Input
from talos.config.patch import apply_patches
from talos.config.secrets import Bundle
from talos.config.view.model import MachineType
from talos.controllers.k8s.kubelet_config import kubelet_config
from talos.resources.etcd import MemberSpec, SpecSpec
from talos.resources.k8s import (
    KubeletSpecSpec,
    KubePrismConfigSpec,
    ManifestSpec,
    StaticPodServerStatusSpec,
    StaticPodSpec,
)

GOLDEN = Path(__file__).parent / "golden"
DOMAINS = ("secrets.", "k8s.", "etcd.ConfigController", "etcd.SpecController", "etcd.PKIController", "cluster.")


def _free_port() -> int:
    with socket.create_server(("localhost", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


API_PORT = _free_port()


def golden_pods() -> dict[str, Any]:
    pods: dict[str, Any] = yaml.safe_load((GOLDEN / "static_pods.yaml").read_text())
    return pods


def comparable(pod: dict[str, Any]) -> dict[str, Any]:
    """Without what differs by version: image and the version label and annotations."""
    pod = json.loads(json.dumps(pod))
    del pod["metadata"]["annotations"], pod["metadata"]["labels"]["app.kubernetes.io/version"]
    for container in pod["spec"]["containers"]:
        del container["image"]
        # Ours alone: see controller_manager_arguments.
        container["command"] = [a for a in container["command"] if not a.startswith("--kube-api-")]
    return pod


def with_port(config: Config) -> Config:
    """The API server on a port that is free here."""
    return apply_patches(config, [f"apiVersion: v1alpha1\nkind: KubeAPIServerConfig\napiPort: {API_PORT}\n"])


def on_usual_port(pod: dict[str, Any]) -> dict[str, Any]:
    return json.loads(json.dumps(pod).replace(str(API_PORT), "6443"))


async def test_static_pods_are_the_genuine_ones_once_etcd_answers(node: Any, make_config: Any) -> None:
    await node.configure(with_port(make_config()))
    node.run(*DOMAINS)
    await node.get(KubeletSpecSpec, "kubelet")
    await node.get(SpecSpec, "etcd")
    assert await node.state.list(StaticPodSpec) == []
    await node.put("local", MemberSpec(member_id="a016e5546deb2e30"), owner="etcd.MemberController")
    for name in golden_pods():
        await node.get(StaticPodSpec, name)
    # Nobody answers for the API server here: what waits for it waits in its own process, not by not being started.
    assert len(await node.state.list(StaticPodSpec)) == 3
    for name, expected in golden_pods().items():
        pod = (await node.get(StaticPodSpec, name)).pod
        assert comparable(on_usual_port(pod)) == comparable(expected)
        annotations = {"talos.dev/config-version": "1", "talos.dev/secrets-version": "1"}
        if name == "kube-apiserver":
            annotations["talos.dev/config-file-version"] = "1"
        assert pod["metadata"]["annotations"] == annotations


async def test_kubelet_is_the_genuine_one(node: Any, make_config: Any) -> None:
    await node.configure(make_config())
    node.run(*DOMAINS)
    spec = await node.get(KubeletSpecSpec, "kubelet")
    expected = yaml.safe_load((GOLDEN / "kubelet_controlplane.yaml").read_text())
    assert spec.args == expected["args"]
    config, genuine = dict(spec.config), without_zeros(expected["config"])
    # Ours: the static pods are asked for more often, OOM scores cannot be lowered here, cgroup v1 is said twice.
    assert config.pop("httpCheckFrequency") == "500ms"
    config.pop("cgroupDriver", None)
    config.pop("failCgroupV1", None)
    del genuine["failCgroupV1"]
    assert config.pop("oomScoreAdj") == 0
    assert genuine.pop("oomScoreAdj") == -450
    assert config.pop("staticPodURL").startswith("http://127.0.0.1:")
    del genuine["staticPodURL"]
    assert config == genuine


def test_taints_of_any_machine_are_registered_with_its_node() -> None:
    """A worker has no later occasion."""
    for machine_type, expected in (
        (MachineType.WORKER, {"example.org/a": "b:NoSchedule"}),
        (MachineType.CONTROL_PLANE, {"node-role.kubernetes.io/control-plane": "NoSchedule"}),
    ):
        config = Input(cluster_name="c", endpoint="https://10.0.0.1:6443", secrets=Bundle.generate()).config(
            machine_type
        )
        if machine_type is MachineType.WORKER:
            patch = "apiVersion: v1alpha1\nkind: KubeNodeConfig\ntaints: {example.org/a: 'b:NoSchedule'}\n"
            assert kubelet_config(config, "").register_with_taints == {}
            config = apply_patches(config, [patch])
        assert kubelet_config(config, "").register_with_taints == expected


def without_zeros(value: Any) -> Any:
    """A genuine node writes every duration and limit it does not set as zero."""
    if isinstance(value, dict):
        kept = {k: without_zeros(v) for k, v in value.items()}
        return {k: v for k, v in kept.items() if v not in ("0s", 0, "0", {}) or v is False}
    return value


async def test_kubelet_files_and_identity(node: Any, make_config: Any) -> None:
    await node.configure(make_config())
    node.run(*DOMAINS)
    await node.get(KubeletSpecSpec, "kubelet")
    bootstrap = yaml.safe_load(node.env.path("/etc/kubernetes/bootstrap-kubeconfig").read_text())
    assert bootstrap["clusters"][0]["cluster"]["server"] == "https://127.0.0.1:7445"
    kubeconfig = yaml.safe_load(node.env.path("/etc/kubernetes/kubeconfig-kubelet").read_text())
    assert kubeconfig["users"][0]["user"]["client-key"] == "/var/lib/kubelet/pki/kubelet-client-current.pem"
    link = node.env.path("/var/lib/kubelet/pki/kubelet-client-current.pem")
    assert link.is_symlink()
    dated = link.parent / link.readlink().name
    assert b"BEGIN CERTIFICATE" in dated.read_bytes()
    assert stat.S_IMODE(dated.stat().st_mode) == 0o600


async def test_files_of_static_pods(node: Any, make_config: Any) -> None:
    await node.configure(make_config())
    node.run(*DOMAINS)
    await node.put("local", MemberSpec(member_id="1"), owner="etcd.MemberController")
    await node.get(StaticPodSpec, "kube-apiserver")
    secrets = node.env.path("/system/secrets/kubernetes")
    assert sorted(p.name for p in (secrets / "kube-apiserver").iterdir()) == [
        "aggregator-ca.crt",
        "apiserver-kubelet-client.crt",
        "apiserver-kubelet-client.key",
        "apiserver.crt",
        "apiserver.key",
        "ca.crt",
        "encryptionconfig.yaml",
        "etcd-client-ca.crt",
        "etcd-client.crt",
        "etcd-client.key",
        "front-proxy-client.crt",
        "front-proxy-client.key",
        "service-account.key",
        "service-account.pub",
    ]
    assert stat.S_IMODE((secrets / "kube-scheduler/kubeconfig").stat().st_mode) == 0o400
    configs = node.env.path("/system/config/kubernetes/kube-apiserver")
    authorization = yaml.safe_load((configs / "authorization-config.yaml").read_text())
    assert [a["type"] for a in authorization["authorizers"]] == ["Node", "RBAC"]
    # Sizes of the genuine node's files: the same content, byte for byte as far as Go's and Python's YAML agree.
    sizes = {p.name: p.stat().st_size for p in configs.iterdir()}
    assert sizes["authorization-config.yaml"] == 137
    assert sizes["authentication-config.yaml"] == 181
    assert sizes["admission-control-config.yaml"] == 491


async def test_manifests_and_load_balancer(node: Any, make_config: Any) -> None:
    await node.configure(make_config())
    node.run(*DOMAINS)
    manifest = await node.get(ManifestSpec, "11-core-dns-svc")
    assert manifest.items[0]["spec"]["clusterIP"] == "10.96.0.10"
    proxy = await node.get(ManifestSpec, "10-kube-proxy")
    assert proxy.items[0]["metadata"]["name"] == "kube-proxy-config-2705c1c54a3ffec7"
    prism = await node.get(KubePrismConfigSpec, "k8s-loadbalancer-config")
    assert [(e.host, e.port) for e in prism.endpoints] == [("10.77.0.2", 6443), ("localhost", 6443)]


async def fetch(url: str) -> tuple[int, Any]:
    host, port = url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    body = await reader.readexactly(length)
    writer.close()
    status = int(head.split()[1])
    return status, json.loads(body) if status == 200 else body.decode()


async def test_static_pod_server_outlives_machined(node: Any, make_config: Any) -> None:
    config = with_port(make_config())
    await node.configure(config)
    node.run(*DOMAINS)
    await node.put("local", MemberSpec(member_id="1"), owner="etcd.MemberController")
    url = (await node.get(StaticPodServerStatusSpec, "static-pod-server-status")).url
    for name in golden_pods():
        await node.get(StaticPodSpec, name)
    async with asyncio.timeout(5):
        while True:
            status, pods = await fetch(url)
            if status == 200 and len(pods["items"]) == 3:
                break
            await asyncio.sleep(0.01)
    await node.stop()
    # A new machined: nothing in its state yet, and etcd is not asked before minutes.
    again = type(node)(node.env.root)
    await again.configure(config)
    again.run(*DOMAINS)
    try:
        same = (await again.get(StaticPodServerStatusSpec, "static-pod-server-status")).url
        assert same == url
        assert await fetch(same) == (200, pods)
        # Certificates were issued anew, but nothing that would restart a pod has changed.
        await again.put("local", MemberSpec(member_id="1"), owner="etcd.MemberController")
        await again.get(StaticPodSpec, "kube-apiserver")
        assert await fetch(same) == (200, pods)  # not a list of one: the others would be stopped
        for name, before in zip(sorted(golden_pods()), pods["items"], strict=True):
            assert (await again.get(StaticPodSpec, name)).pod == before
    finally:
        await again.stop()
