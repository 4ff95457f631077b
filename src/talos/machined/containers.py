"""Containers of pods as the API names them: namespace/pod for a sandbox, namespace/pod:container:ID for a container."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from grpclib import GRPCError, Status
from msgspec import Struct

from talos.machined import cri

NAMESPACE = "k8s.io"
_STATES = {0: "CONTAINER_CREATED", 1: "CONTAINER_RUNNING", 2: "CONTAINER_EXITED", 3: "CONTAINER_UNKNOWN"}
SHORT_ID = 12


class PodContainer(Struct, frozen=True):
    """A sandbox or a container in a pod."""

    id: str
    internal_id: str
    name: str
    pod_id: str
    image: str
    pid: int
    status: str
    uid: str
    network_namespace: str = ""


async def pod_containers(*, with_pids: bool = True) -> list[PodContainer]:
    """Every sandbox followed by its containers, by pod. GRPCError UNAVAILABLE when containerd does not run."""
    try:
        sandboxes = await cri.sandboxes()
        containers = await cri.containers()
        found = []
        for sandbox in sorted(sandboxes, key=lambda s: (s.metadata.namespace, s.metadata.name, s.metadata.attempt)):
            pod = f"{sandbox.metadata.namespace}/{sandbox.metadata.name}"
            info = _info(await cri.sandbox_status(sandbox.id)) if with_pids else {}
            state = "SANDBOX_READY" if sandbox.state == 0 else "SANDBOX_NOTREADY"
            image = str(info.get("image", "")) or ""
            namespace = next(
                (
                    n.get("path", "")
                    for n in info.get("runtimeSpec", {}).get("linux", {}).get("namespaces", [])
                    if n.get("type") == "network"
                ),
                "",
            )
            found.append(
                PodContainer(pod, sandbox.id, sandbox.metadata.name, pod, image, int(info.get("pid", 0)), state,
                             sandbox.metadata.uid, namespace)
            )  # fmt: skip
            for container in containers:
                if container.pod_sandbox_id != sandbox.id:
                    continue
                name = container.metadata.name
                id = f"{pod}:{name}:{container.id[:SHORT_ID]}"
                pid = 0
                if with_pids and container.state == 1:
                    pid = int(_info(await cri.container_status(container.id, verbose=True)).get("pid", 0))
                image = container.image.user_specified_image or container.image.image
                found.append(
                    PodContainer(id, container.id, name, pod, image, pid, _STATES.get(container.state, "UNKNOWN"),
                                 sandbox.metadata.uid)
                )  # fmt: skip
        return found
    except OSError as error:
        raise GRPCError(Status.UNAVAILABLE, f"containerd does not answer at {cri.SOCKET}: {error}") from error


async def find(id: str) -> PodContainer:
    """By full id, or by namespace/pod:container when one container has it (the running one wins)."""
    candidates = [c for c in await pod_containers(with_pids=False) if c.id == id or c.id.rpartition(":")[0] == id]
    running = [c for c in candidates if c.status in ("CONTAINER_RUNNING", "SANDBOX_READY")]
    chosen = running or candidates
    if not chosen:
        raise GRPCError(Status.UNKNOWN, f'container "{id}" not found: talosctl containers -k lists the ids')
    return chosen[-1]


async def log_path(id: str) -> Path:
    """Where the runtime writes a container's output."""
    container = await find(id)
    if ":" not in container.id:
        raise GRPCError(Status.INVALID_ARGUMENT, f'"{id}" is a pod: name one of its containers')
    status = (await cri.container_status(container.internal_id)).status
    path = Path(status.log_path)
    if not status.log_path or not path.exists():
        raise GRPCError(Status.NOT_FOUND, f'container "{id}" has no log file')
    return path


def _info(response: Any) -> dict[str, Any]:
    try:
        info = json.loads(response.info.get("info", "{}"))
    except ValueError:
        return {}
    return info if isinstance(info, dict) else {}
