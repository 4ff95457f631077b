"""Client of the Container Runtime Interface: what runs in pods, and stopping it when the node goes down.

One connection a call: calls are rare, and containerd may restart in between.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from google.protobuf.message import Message
from grpclib.client import UnaryUnaryMethod

from talos.api import cri_pb2
from talos.grpc_channel import Channel

SOCKET = Path("/run/containerd/containerd.sock")
_RUNTIME = "/runtime.v1.RuntimeService/"
POD_NAME = "io.kubernetes.pod.name"
POD_NAMESPACE = "io.kubernetes.pod.namespace"
POD_UID = "io.kubernetes.pod.uid"
CONTAINER_NAME = "io.kubernetes.container.name"


async def call(method: str, request: Message, response: type[Any], *, timeout_s: float = 10.0) -> Any:
    """One unary call; `method` is the full path. GRPCError from containerd, OSError when it does not listen."""
    channel = Channel(path=str(SOCKET))
    try:
        return await UnaryUnaryMethod(channel, method, type(request), response)(request, timeout=timeout_s)
    finally:
        channel.close()


async def runtime_ready() -> None:
    """The CRI plugin answers and says that its runtime is ready (the network may come later)."""
    status = await call(_RUNTIME + "Status", cri_pb2.StatusRequest(), cri_pb2.StatusResponse)
    for condition in status.status.conditions:
        if condition.type == "RuntimeReady" and not condition.status:
            raise ConnectionError(f"runtime is not ready: {condition.reason} {condition.message}".rstrip())


async def containers() -> list[Any]:
    """All containers, running or not (runtime.v1.Container)."""
    response = await call(_RUNTIME + "ListContainers", cri_pb2.ListContainersRequest(), cri_pb2.ListContainersResponse)
    return list(response.containers)


async def sandboxes() -> list[Any]:
    """All pod sandboxes (runtime.v1.PodSandbox)."""
    response = await call(_RUNTIME + "ListPodSandbox", cri_pb2.ListPodSandboxRequest(), cri_pb2.ListPodSandboxResponse)
    return list(response.items)


async def container_status(id: str, *, verbose: bool = False) -> Any:
    """runtime.v1.ContainerStatusResponse; with verbose its `info` holds containerd's JSON, the PID among it."""
    return await call(
        _RUNTIME + "ContainerStatus",
        cri_pb2.ContainerStatusRequest(container_id=id, verbose=verbose),
        cri_pb2.ContainerStatusResponse,
    )


async def sandbox_status(id: str) -> Any:
    """runtime.v1.PodSandboxStatusResponse with containerd's JSON in `info`."""
    return await call(
        _RUNTIME + "PodSandboxStatus",
        cri_pb2.PodSandboxStatusRequest(pod_sandbox_id=id, verbose=True),
        cri_pb2.PodSandboxStatusResponse,
    )


async def container_stats() -> list[Any]:
    """runtime.v1.ContainerStats of all running containers."""
    response = await call(
        _RUNTIME + "ListContainerStats", cri_pb2.ListContainerStatsRequest(), cri_pb2.ListContainerStatsResponse
    )
    return list(response.stats)


async def stop_container(id: str, timeout_s: int) -> None:
    """SIGTERM, and SIGKILL after timeout_s."""
    await call(
        _RUNTIME + "StopContainer",
        cri_pb2.StopContainerRequest(container_id=id, timeout=timeout_s),
        cri_pb2.StopContainerResponse,
        timeout_s=timeout_s + 10,
    )


async def stop_sandbox(id: str, *, timeout_s: float = 30.0) -> None:
    """Stop what is left in a pod and take down its network."""
    await call(
        _RUNTIME + "StopPodSandbox",
        cri_pb2.StopPodSandboxRequest(pod_sandbox_id=id),
        cri_pb2.StopPodSandboxResponse,
        timeout_s=timeout_s,
    )


async def remove_sandbox(id: str) -> None:
    """Remove a stopped pod with its containers."""
    await call(
        _RUNTIME + "RemovePodSandbox",
        cri_pb2.RemovePodSandboxRequest(pod_sandbox_id=id),
        cri_pb2.RemovePodSandboxResponse,
        timeout_s=30.0,
    )
