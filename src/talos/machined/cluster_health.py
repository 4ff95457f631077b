"""What makes a cluster healthy, check by check, in the order in which a cluster comes up.

A check looks at the cluster once and raises NotYetError with the reason while it does not hold; `run` repeats it until
it does. Order and names are those that people know from Talos.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from msgspec import Struct

from talos.kubernetes import ApiError, Client, ConnectError
from talos.kubernetes.kinds import DAEMON_SET, DEPLOYMENT, NODE, POD, Kind
from talos.machined.cluster_nodes import ClusterNodes, NodeUnreachableError
from talos.resources.k8s import StaticPodStatusSpec
from talos.resources.runtime import DiagnosticSpec, MachineStatusSpec

CONTROL_PLANE_LABEL = "node-role.kubernetes.io/control-plane"
CONTROL_PLANE_PODS = ("kube-apiserver", "kube-controller-manager", "kube-scheduler")
MEMORY_MIN_BYTES = {True: 1848 << 20, False: 924 << 20}
"""by control plane or not: 2 GiB and 1 GiB less what firmware and kernel keep for themselves"""
DISK_MIN_BYTES = 2 << 30
PERIOD_S = 0.25


class NotYetError(Exception):
    """A check does not hold; the text is the reason."""


class Cluster(Struct):
    """The nodes that shall be healthy, by address, and the ways to ask them."""

    nodes: ClusterNodes
    client: Client | None
    """None: the nodes run no Kubernetes"""
    control_plane: Sequence[str]
    workers: Sequence[str]
    etcd: bool = True
    """whether the control plane nodes run etcd, where there is no Kubernetes"""

    @property
    def kubernetes(self) -> Client:
        """The Kubernetes API, for checks that are made only where there is one."""
        assert self.client is not None
        return self.client

    @property
    def all(self) -> list[str]:
        """Every node."""
        return [*self.control_plane, *self.workers]

    async def discover(self) -> None:
        """Take the nodes from Kubernetes. ApiError, ConnectError."""
        nodes, _ = await self.kubernetes.list(NODE)
        control_plane: list[str] = []
        workers: list[str] = []
        for node in nodes:
            labels = node["metadata"].get("labels") or {}
            (control_plane if CONTROL_PLANE_LABEL in labels else workers).append(internal_ip(node))
        self.control_plane, self.workers = control_plane, workers


Check = Callable[[Cluster], Awaitable[None]]


async def run(cluster: Cluster) -> AsyncGenerator[str, None]:
    """Lines of progress; ends when every check has passed once, in order."""
    for name, check in checks(cluster):
        yield f"waiting for {name}: ..."
        said = ""
        while True:
            try:
                await check(cluster)
                break
            except (NotYetError, NodeUnreachableError, ApiError, ConnectError) as error:
                if str(error) != said:
                    said = str(error)
                    yield f"waiting for {name}: {said}"
            await asyncio.sleep(PERIOD_S)
        yield f"waiting for {name}: OK"


async def _service(cluster: Cluster, addresses: Sequence[str], service: str) -> None:
    async def one(address: str) -> None:
        response = await cluster.nodes.call(address, "/machine.MachineService/ServiceList")
        info = next((s for s in response.messages[0].services if s.id == service), None)
        if info is None:
            raise NotYetError(f"{address}: service {service} is not there")
        if info.state != "Running":
            raise NotYetError(f"{address}: service {service} is {info.state}")
        if not info.health.healthy:
            raise NotYetError(f"{address}: service {service} is not healthy: {info.health.last_message or 'unknown'}")

    await _each(one, addresses)


async def _each(one: Callable[[str], Awaitable[None]], addresses: Sequence[str]) -> None:
    """All at once; the first failure in the order of the addresses."""
    results = await asyncio.gather(*(one(address) for address in addresses), return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result


async def etcd_healthy(cluster: Cluster) -> None:
    await _service(cluster, cluster.control_plane, "etcd")


async def etcd_consistent(cluster: Cluster) -> None:
    lists = [
        await cluster.nodes.call(address, "/machine.MachineService/EtcdMemberList") for address in cluster.control_plane
    ]
    seen = [sorted((m.id, m.hostname, tuple(m.peer_urls)) for m in answer.messages[0].members) for answer in lists]
    for address, members in zip(cluster.control_plane, seen, strict=True):
        if members != seen[0]:
            raise NotYetError(f"{address} and {cluster.control_plane[0]} know different etcd members")


async def etcd_control_plane(cluster: Cluster) -> None:
    response = await cluster.nodes.call(cluster.control_plane[0], "/machine.MachineService/EtcdMemberList")
    members = response.messages[0].members
    found = {urlsplit(url).hostname or "" for m in members for url in m.peer_urls}
    unknown = sorted(found - set(cluster.control_plane))
    if unknown:
        raise NotYetError(f"etcd members that are no control plane nodes: {', '.join(unknown)}")
    if len(members) != len(cluster.control_plane):
        raise NotYetError(f"{len(members)} etcd members for {len(cluster.control_plane)} control plane nodes")
    if learners := [m.hostname for m in members if m.is_learner]:
        raise NotYetError(f"etcd members that are still learners: {', '.join(learners)}")


async def apid_ready(cluster: Cluster) -> None:
    async def one(address: str) -> None:
        await cluster.nodes.call(address, "/machine.MachineService/Version")

    await _each(one, cluster.all)


async def memory_sizes(cluster: Cluster) -> None:
    async def one(address: str) -> None:
        response = await cluster.nodes.call(address, "/machine.MachineService/Memory")
        total = response.messages[0].meminfo.memtotal * 1024
        minimum = MEMORY_MIN_BYTES[address in cluster.control_plane]
        if total < minimum:
            raise NotYetError(f"{address}: {total >> 20} MiB of memory, at least {minimum >> 20} MiB are needed")

    await _each(one, cluster.all)


async def disk_sizes(cluster: Cluster) -> None:
    for node in await _nodes(cluster):
        text = ((node.get("status") or {}).get("capacity") or {}).get("ephemeral-storage", "")
        size = int(text[:-2]) << 10 if text.endswith("Ki") else int(text) if text.isdigit() else 0
        if size and size < DISK_MIN_BYTES:
            name = node["metadata"]["name"]
            raise NotYetError(f"{name}: {size >> 20} MiB of disk, at least {DISK_MIN_BYTES >> 20} MiB are needed")


async def volume_sizes(cluster: Cluster) -> None:
    """As `disk_sizes`, of what the nodes themselves say."""

    async def one(address: str) -> None:
        response = await cluster.nodes.call(address, "/machine.MachineService/Mounts")
        size = next((stat.size for stat in response.messages[0].stats if stat.mounted_on == "/var"), 0)
        if size and size < DISK_MIN_BYTES:
            raise NotYetError(f"{address}: {size >> 20} MiB of disk, at least {DISK_MIN_BYTES >> 20} MiB are needed")

    await _each(one, cluster.all)


async def no_diagnostics(cluster: Cluster) -> None:
    async def one(address: str) -> None:
        for name, spec in (await cluster.nodes.resources(address, DiagnosticSpec)).items():
            raise NotYetError(f"{address}: {name}: {spec.get('message', '')}")

    await _each(one, cluster.all)


async def kubelet_healthy(cluster: Cluster) -> None:
    await _service(cluster, cluster.all, "kubelet")


async def boot_finished(cluster: Cluster) -> None:
    async def one(address: str) -> None:
        status = (await cluster.nodes.resources(address, MachineStatusSpec)).get("machine") or {}
        if status.get("stage") != "running":
            raise NotYetError(f"{address}: stage is {status.get('stage', 'unknown')}, not running")

    await _each(one, cluster.all)


async def machines_ready(cluster: Cluster) -> None:
    async def one(address: str) -> None:
        status = ((await cluster.nodes.resources(address, MachineStatusSpec)).get("machine") or {}).get("status") or {}
        if not status.get("ready"):
            unmet = [f"{c.get('name')}: {c.get('reason')}" for c in status.get("unmetConditions") or ()]
            raise NotYetError(f"{address}: {'; '.join(unmet) or 'not ready'}")

    await _each(one, cluster.all)


async def nodes_report(cluster: Cluster) -> None:
    found = {internal_ip(node) for node in await _nodes(cluster)}
    if missing := sorted(set(cluster.all) - found):
        raise NotYetError(f"nodes that are not in Kubernetes: {', '.join(missing)}")
    if extra := sorted(found - set(cluster.all)):
        raise NotYetError(f"Kubernetes nodes that are not in the cluster: {', '.join(extra)}")


async def static_pods_running(cluster: Cluster) -> None:
    async def one(address: str) -> None:
        pods = await cluster.nodes.resources(address, StaticPodStatusSpec)
        for component in CONTROL_PLANE_PODS:
            status = next((s for name, s in pods.items() if name.startswith(f"kube-system/{component}-")), None)
            if status is None:
                raise NotYetError(f"{address}: static pod {component} is not there")
            if status.get("phase") != "Running":
                raise NotYetError(f"{address}: static pod {component} is {status.get('phase', 'unknown')}")

    await _each(one, cluster.control_plane)


async def components_ready(cluster: Cluster) -> None:
    pods, _ = await cluster.kubernetes.list(POD, "kube-system", labels="tier=control-plane")
    for component in CONTROL_PLANE_PODS:
        ready = {
            (pod.get("status") or {}).get("hostIP")
            for pod in pods
            if (pod["metadata"].get("labels") or {}).get("k8s-app") == component and _condition(pod, "Ready")
        }
        if missing := sorted(set(cluster.control_plane) - ready):
            raise NotYetError(f"{component} is not ready on {', '.join(missing)}")


async def nodes_ready(cluster: Cluster) -> None:
    if missing := [n["metadata"]["name"] for n in await _nodes(cluster) if not _condition(n, "Ready")]:
        raise NotYetError(f"nodes that are not ready: {', '.join(missing)}")


async def proxy_ready(cluster: Cluster) -> None:
    status = await _status(cluster, DAEMON_SET, "kube-proxy")
    if status is None:
        return
    ready, wanted = status.get("numberReady", 0), status.get("desiredNumberScheduled", 0)
    if not wanted or ready < wanted:
        raise NotYetError(f"{ready} of {wanted} pods of kube-proxy are ready")


async def core_dns_ready(cluster: Cluster) -> None:
    status = await _status(cluster, DEPLOYMENT, "coredns")
    if status is None:
        return
    ready, wanted = status.get("readyReplicas", 0), status.get("replicas", 0)
    if not wanted or ready < wanted:
        raise NotYetError(f"{ready} of {wanted} pods of coredns are ready")


async def nodes_schedulable(cluster: Cluster) -> None:
    if missing := [n["metadata"]["name"] for n in await _nodes(cluster) if (n.get("spec") or {}).get("unschedulable")]:
        raise NotYetError(f"nodes that are cordoned: {', '.join(missing)}")


async def _nodes(cluster: Cluster) -> list[dict[str, Any]]:
    nodes, _ = await cluster.kubernetes.list(NODE)
    return nodes


async def _status(cluster: Cluster, kind: Kind, name: str) -> dict[str, Any] | None:
    """Status of a workload of kube-system; None where the configuration does not deploy it."""
    try:
        found = await cluster.kubernetes.get(kind, name, "kube-system")
    except ApiError as error:
        if error.not_found:
            return None
        raise
    return found.get("status") or {}


def _condition(obj: dict[str, Any], kind: str) -> bool:
    conditions = (obj.get("status") or {}).get("conditions") or ()
    return any(c["type"] == kind and c["status"] == "True" for c in conditions)


def internal_ip(node: dict[str, Any]) -> str:
    """First InternalIP of a Node, else its name."""
    for entry in (node.get("status") or {}).get("addresses") or ():
        if entry["type"] == "InternalIP":
            return str(ip_address(entry["address"]))
    return str(node["metadata"]["name"])


def checks(cluster: Cluster) -> tuple[tuple[str, Check], ...]:
    """Those that this cluster has something for."""
    if cluster.client is not None:
        return (*ETCD, *CHECKS)
    return (*ETCD, *WITHOUT_KUBERNETES) if cluster.etcd else WITHOUT_KUBERNETES


ETCD: tuple[tuple[str, Check], ...] = (
    ("etcd to be healthy", etcd_healthy),
    ("etcd members to be consistent across nodes", etcd_consistent),
    ("etcd members to be control plane nodes", etcd_control_plane),
)
WITHOUT_KUBERNETES: tuple[tuple[str, Check], ...] = (
    ("apid to be ready", apid_ready),
    ("all nodes memory sizes", memory_sizes),
    ("all nodes disk sizes", volume_sizes),
    ("no diagnostics", no_diagnostics),
    ("all nodes to finish boot sequence", boot_finished),
    ("all nodes to be ready", machines_ready),
)
CHECKS: tuple[tuple[str, Check], ...] = (
    ("apid to be ready", apid_ready),
    ("all nodes memory sizes", memory_sizes),
    ("all nodes disk sizes", disk_sizes),
    ("no diagnostics", no_diagnostics),
    ("kubelet to be healthy", kubelet_healthy),
    ("all nodes to finish boot sequence", boot_finished),
    ("all k8s nodes to report", nodes_report),
    ("all control plane static pods to be running", static_pods_running),
    ("all control plane components to be ready", components_ready),
    ("all k8s nodes to report ready", nodes_ready),
    ("kube-proxy to report ready", proxy_ready),
    ("coredns to report ready", core_dns_ready),
    ("all k8s nodes to report schedulable", nodes_schedulable),
)
