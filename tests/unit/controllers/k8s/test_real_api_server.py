"""The controllers with a real etcd and a real kube-apiserver, both started with what the controllers rendered."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from talos.client.config import TalosConfig
from talos.config import Config
from talos.config.patch import apply_patches
from talos.controllers.kubeaccess.account import API_VERSION, SERVICE_ACCOUNT
from talos.controllers.kubeaccess.service import SERVICE
from talos.controllers.kubeaccess.service_account import text_of
from talos.environment import NodeEnvironment
from talos.etcd.arguments import InitialCluster, etcd_arguments
from talos.etcd.membership import healthy
from talos.kubernetes import ApiError, Client, Kind
from talos.kubernetes.kinds import CONFIG_MAP, ENDPOINT_SLICE, NODE, SECRET
from talos.pki import certificates
from talos.resources.cluster import MemberSpec
from talos.resources.etcd import PKIStatusSpec, SpecSpec
from talos.resources.k8s import (
    EndpointSpec,
    KubeletSpecSpec,
    ManifestSpec,
    ManifestStatusSpec,
    NodeStatusSpec,
    StaticPodSpec,
)
from talos.resources.secrets import KubernetesCertsSpec
from talos.resources.v1alpha1 import ServiceSpec

PROGRAM = Path(__file__).resolve().parents[4] / "_out/components/node"
ETCD_PORTS = (2379, 2380, 2383)
CRD = Kind("apiextensions.k8s.io/v1", "CustomResourceDefinition", "customresourcedefinitions", False)
EVENT = Kind("v1", "Event", "events", True)
CLUSTER_ROLE = Kind("rbac.authorization.k8s.io/v1", "ClusterRole", "clusterroles", False)


def in_use(port: int) -> bool:
    try:
        with socket.create_server(("127.0.0.1", port)):
            return False
    except OSError:
        return True


pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not PROGRAM.exists(), reason="needs _out/components/node: make components"),
    pytest.mark.skipif(any(in_use(port) for port in ETCD_PORTS), reason="etcd's ports are in use on this host"),
]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def patched(config: Config, port: int) -> Config:
    """API server and load balancer are one and the same port."""
    return apply_patches(
        config,
        [
            f"apiVersion: v1alpha1\nkind: KubeAPIServerConfig\napiPort: {port}\n",
            f"apiVersion: v1alpha1\nkind: KubePrismConfig\nport: {port}\n",
        ],
    )


@contextlib.asynccontextmanager
async def running(folder: Path, name: str, arguments: list[str]) -> AsyncIterator[None]:
    program = folder / name
    program.symlink_to(PROGRAM)
    with (folder / f"{name}.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(str(program), *arguments, stdout=log, stderr=log)
        try:
            yield
        except BaseException:
            print(f"--- {name}", (folder / f"{name}.log").read_text()[-4000:])
            raise
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()


def below(root: Path, arguments: list[str]) -> list[str]:
    """Arguments with the node's paths below a folder; the API server refuses to advertise a loopback address."""
    moved = [a.replace("=/system/", f"={root}/system/").replace("=/var/", f"={root}/var/") for a in arguments]
    return [a.replace("$(POD_IP)", "192.0.2.1") for a in moved]


async def start_etcd(node: Any) -> list[str]:
    await node.get(PKIStatusSpec, "etcd")
    spec = await node.get(SpecSpec, "etcd")
    root: Path = node.env.root
    data = root / "var/lib/etcd"
    data.mkdir(parents=True)
    data.chmod(0o700)
    return etcd_arguments(
        name=spec.name,
        advertised=spec.advertised_addresses,
        listen_peer=["127.0.0.1"],
        listen_client=["127.0.0.1"],
        extra_args={},
        initial=InitialCluster([(spec.name, "https://127.0.0.1:2380")], new=True),
        pki=root / "system/secrets/etcd",
        data=data,
    )


async def test_from_configuration_to_a_cluster_with_its_manifests(node: Any, make_config: Any) -> None:
    port = free_port()
    env: NodeEnvironment = node.env
    endpoint = f"https://127.0.0.1:{port}"
    await node.configure(patched(make_config(endpoint=endpoint), port), "talos1", "127.0.0.1/8")
    env.path("/var/log/audit/kube").mkdir(parents=True)
    node.run("secrets.", "k8s.", "etcd.", "cluster.")
    async with contextlib.AsyncExitStack() as stack:
        await stack.enter_async_context(running(env.root, "etcd", await start_etcd(node)))
        await node.put("etcd", ServiceSpec(running=True, healthy=True))
        server = (await node.get(StaticPodSpec, "kube-apiserver")).pod
        await healthy(node.state)
        command = server["spec"]["containers"][0]["command"]
        arguments = [*below(env.root, command[1:]), f"--cert-dir={env.root}/apiserver"]
        await stack.enter_async_context(running(env.root, "kube-apiserver", arguments))
        async with asyncio.timeout(30):
            applied = (await node.state.wait_for(ManifestStatusSpec, "manifests")).spec.manifests_applied
        assert "05-flannel" in applied
        assert await node.get(StaticPodSpec, "kube-scheduler")

        admin = (await node.get(KubernetesCertsSpec, "k8s-certs")).localhost_admin_kubeconfig
        client = await stack.enter_async_context(Client.from_kubeconfig(admin))
        inventory = await client.get(CONFIG_MAP, "talos-bootstrap-manifests-inventory", "kube-system")
        assert "_system__coredns_rbac.authorization.k8s.io_ClusterRole" in inventory["data"]
        assert len(inventory["data"]) == 22
        corefile = (await client.get(CONFIG_MAP, "coredns", "kube-system"))["data"]["Corefile"]
        assert "kubernetes cluster.local" in corefile

        await registers_labels_and_joins(node, client)
        await gives_pods_certificates(node, client, patched(make_config(endpoint=endpoint), port))
        await a_removed_manifest_is_removed(node, client)


async def registers_labels_and_joins(node: Any, client: Client) -> None:
    """What the kubelet does is make the Node; the rest is ours."""
    await node.get(KubeletSpecSpec, "kubelet")
    await client.create(
        {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "talos1", "labels": {"a": "b"}}, "spec": {}}
    )
    status = await node.get(NodeStatusSpec, "talos1", lambda s: "cluster.talos.dev/node-id" in s.annotations)
    assert status.labels["a"] == "b"
    # Labels first, taints with their note second: a worker may only do the first.
    labelled = await node.get(NodeStatusSpec, "talos1", lambda s: "talos.dev/owned-taints" in s.annotations)
    assert "node-role.kubernetes.io/control-plane" in labelled.labels
    assert labelled.annotations["talos.dev/owned-taints"] == '["node-role.kubernetes.io/control-plane"]'
    taints = (await client.get(NODE, "talos1"))["spec"]["taints"]
    assert {"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"} in taints
    member = await node.get(MemberSpec, "talos1")
    assert member.addresses == ["127.0.0.1"]


ACCESS = """\
apiVersion: v1alpha1
kind: KubeTalosAPIAccessConfig
allowedRoles: [os:reader, os:etcd:backup]
allowedKubernetesNamespaces: [kube-system]
"""


def account(name: str, *roles: str, namespace: str = "kube-system") -> dict[str, Any]:
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": API_VERSION, "kind": "ServiceAccount", "metadata": metadata, "spec": {"roles": list(roles)}}


async def until(ask: Callable[[], Awaitable[Any]], good: Callable[[Any], Any] = bool) -> Any:
    """What `ask` answers once it is good; what is not found is asked for again."""
    async with asyncio.timeout(20):
        while True:
            with contextlib.suppress(ApiError):
                if good(answer := await ask()):
                    return answer
            await asyncio.sleep(0.05)


async def gives_pods_certificates(node: Any, client: Client, config: Config) -> None:
    """An account gets a Secret that serves, gets it back, and loses what it may not have."""
    await node.put("kube-apiserver", EndpointSpec(addresses=["10.77.0.2", "fd00::2"]))
    await node.configure(apply_patches(config, [ACCESS]))
    node.run("kubeaccess.")
    await until(lambda: client.get(CRD, "serviceaccounts.talos.dev"))
    await until(lambda: client.create(account("backup", "os:etcd:backup")))
    secret = await until(lambda: client.get(SECRET, "backup", "kube-system"))
    context = TalosConfig.parse(text_of(secret)).select()
    assert context.endpoints == ["talos.default"]
    assert certificates.organizations(context.crt) == ["os:etcd:backup"]
    assert certificates.common_name(context.crt) == "serviceaccount:kube-system/backup"

    await client.delete(SECRET, "backup", "kube-system")
    again = await until(lambda: client.get(SECRET, "backup", "kube-system"))
    assert again["metadata"]["uid"] != secret["metadata"]["uid"]
    await client.patch(SECRET, "backup", {"data": {"config": "YWJj"}}, "kube-system")
    await until(lambda: client.get(SECRET, "backup", "kube-system"), lambda s: text_of(s).startswith("context:"))

    for refused, why in (
        (account("root", "os:admin"), "Roles not allowed: [os:admin]"),
        (account("elsewhere", "os:reader", namespace="default"), "Namespace is not allowed: default"),
        (account("extension-apiserver-authentication-reader"), "Roles not found"),
    ):
        metadata = refused["metadata"]
        await client.create(refused)
        ask = partial(client.get, SERVICE_ACCOUNT, metadata["name"], metadata["namespace"])
        told = await until(ask, lambda item: (item.get("status") or {}).get("failureReason"))
        assert told["status"]["failureReason"] == why
        with pytest.raises(ApiError, match="not found"):
            await client.get(SECRET, metadata["name"], metadata["namespace"])
    events, _ = await client.list(EVENT, "kube-system", fields="source=talos-sa-controller")
    assert {"Synced", "ErrRolesNotAllowed", "ErrRolesNotFound"} <= {event["reason"] for event in events}

    service = await until(lambda: client.get(SERVICE, "talos", "default"))
    assert service["spec"]["ports"][0]["port"] == 50000
    for name, address in (("talos-ipv4", "10.77.0.2"), ("talos-ipv6", "fd00::2")):
        found = await until(partial(client.get, ENDPOINT_SLICE, name, "default"))
        assert [endpoint["addresses"] for endpoint in found["endpoints"]] == [[address]]
        assert found["metadata"]["labels"]["kubernetes.io/service-name"] == "talos"


async def a_removed_manifest_is_removed(node: Any, client: Client) -> None:
    await client.get(CLUSTER_ROLE, "flannel")
    await node.state.destroy(ManifestSpec, "05-flannel", owner="k8s.ManifestController")
    async with asyncio.timeout(10):
        with pytest.raises(ApiError) as missing:
            while True:
                await client.get(CLUSTER_ROLE, "flannel")
                await asyncio.sleep(0.05)
    assert missing.value.not_found
