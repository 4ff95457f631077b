"""Cordon and drain: new pods go elsewhere, the node's own are evicted with respect for disruption budgets (KEP-85).

Pods of DaemonSets would come straight back, mirror pods are the node's own: both stay.
"""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Any

from talos.environment import NodeEnvironment
from talos.kubernetes.client import Client
from talos.kubernetes.errors import ApiError
from talos.kubernetes.kinds import NODE, POD
from talos.resources.k8s import NodenameSpec
from talos.resources.secrets import KubernetesCertsSpec
from talos.state import State

MIRROR = "kubernetes.io/config.mirror"
CORDONED = "talos.dev/cordoned"
RETRY_S = 1.0
STRATEGIC = "application/strategic-merge-patch+json"


async def cordon_and_drain(state: State, env: NodeEnvironment, timeout_s: float) -> list[str]:
    """Both, for this node; pods that are left. ApiError, ConnectError; nothing to do where there is no node name."""
    access = await _access(state, env)
    if access is None:
        return []
    nodename, kubeconfig = access
    async with Client.from_kubeconfig(kubeconfig) as client:
        await cordon(client, nodename)
        return await drain(client, nodename, timeout_s)


async def pods_to_move(state: State, env: NodeEnvironment) -> list[str]:
    """The pods (namespace/name) that a drain of this node would evict now. ApiError, ConnectError."""
    access = await _access(state, env)
    if access is None:
        return []
    async with Client.from_kubeconfig(access[1]) as client:
        pods, _ = await client.list(POD, fields=f"spec.nodeName={access[0]}")
    return sorted(f"{p['metadata']['namespace']}/{p['metadata']['name']}" for p in pods if evictable(p))


async def report_going_down(state: State, env: NodeEnvironment, now: datetime) -> None:
    """Tell Kubernetes that this node is not ready, once its kubelet has ended: Services leave out its pods at once and
    not after 40 s without a sign of life. And a kubelet that finds its node Ready when it starts again takes ten
    seconds to say that it is. ApiError, ConnectError."""
    access = await _access(state, env)
    if access is None:
        return
    stamp = now.strftime("%Y-%m-%dT%H:%M:%SZ")
    condition = {
        "type": "Ready", "status": "False", "reason": "NodeShutdown", "message": "the machine is going down",
        "lastHeartbeatTime": stamp, "lastTransitionTime": stamp,
    }  # fmt: skip
    async with Client.from_kubeconfig(access[1]) as client:
        patch = {"status": {"conditions": [condition]}}
        await client.patch(NODE, access[0], patch, content_type=STRATEGIC, subresource="status")


async def _access(state: State, env: NodeEnvironment) -> tuple[str, str] | None:
    """This node's name and a kubeconfig that may change it; None where it is no node of Kubernetes."""
    nodename = await state.get_or_none(NodenameSpec, "nodename")
    if nodename is None or nodename.spec.skip_node_registration:
        return None
    certs = await state.get_or_none(KubernetesCertsSpec, "k8s-certs")
    if certs is not None:
        return nodename.spec.nodename, certs.spec.localhost_admin_kubeconfig
    return nodename.spec.nodename, env.path("/etc/kubernetes/kubeconfig-kubelet").read_text()


async def cordon(client: Client, nodename: str, *, by_node: bool = True) -> None:
    """Take no new pods. by_node: noted on the node, which uncordons itself when the machine runs again; a person's
    cordon must not be, for a node that runs would undo it at once."""
    patch: dict[str, Any] = {"spec": {"unschedulable": True}}
    if by_node:
        patch["metadata"] = {"annotations": {CORDONED: "true"}}
    await client.patch(NODE, nodename, patch)


async def drain(client: Client, nodename: str, timeout_s: float) -> list[str]:
    """Evict every pod that can be; those that are still there after the timeout (namespace/name), none if all went."""
    deadline = asyncio.get_running_loop().time() + timeout_s
    while True:
        pods, _ = await client.list(POD, fields=f"spec.nodeName={nodename}")
        left = [pod for pod in pods if evictable(pod)]
        if not left or asyncio.get_running_loop().time() >= deadline:
            return [f"{pod['metadata']['namespace']}/{pod['metadata']['name']}" for pod in left]
        await asyncio.gather(*(_evict(client, pod) for pod in left if not pod["metadata"].get("deletionTimestamp")))
        await asyncio.sleep(RETRY_S)


def evictable(pod: dict[str, Any]) -> bool:
    """Whether a pod is to be moved: it runs, and nobody would start it here again."""
    metadata = pod["metadata"]
    if MIRROR in (metadata.get("annotations") or {}):
        return False
    if any(owner.get("kind") == "DaemonSet" for owner in metadata.get("ownerReferences") or ()):
        return False
    return (pod.get("status") or {}).get("phase") not in ("Succeeded", "Failed")


async def _evict(client: Client, pod: dict[str, Any]) -> None:
    try:
        await client.evict(pod["metadata"]["name"], pod["metadata"]["namespace"])
    except ApiError as error:
        # 429: a budget forbids it now; 404: it is gone. Both are settled by the next look.
        if error.code not in (404, 429):
            raise
