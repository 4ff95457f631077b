"""From started nodes to a Ready cluster: API, bootstrap, kubeconfig, nodes.

Nothing is waited for that could be tried: each step repeats quickly until it works, and the nodes' readiness comes from
a watch of the Kubernetes API.
"""

from __future__ import annotations

import asyncio
import gzip
import io
import tarfile
from collections.abc import Awaitable, Callable
from typing import TypeVar

import yaml

from talos import api
from talos.client import Client, TalosConfig
from talos.client.errors import ApiError
from talos.kubernetes import Client as KubernetesClient
from talos.kubernetes.errors import ApiError as KubernetesApiError
from talos.kubernetes.errors import ConnectError
from talos.kubernetes.kinds import NODE
from talos.provision.machine import EMULATED_FACTOR
from talos.provision.model import ClusterModel, NodeModel, ProvisionError
from talos.provision.progress import Progress

_RETRY_S = 0.05
# Statuses that pass by themselves while a node starts; everything else is final.
_TRANSIENT = frozenset({"UNAVAILABLE", "FAILED_PRECONDITION", "DEADLINE_EXCEEDED", "UNKNOWN", "INTERNAL", "NOT_FOUND"})
_CALL_TIMEOUT_S = 10.0

T = TypeVar("T")


async def apply_configs(model: ClusterModel, config_of: Callable[[NodeModel], str], progress: Progress) -> None:
    """Give nodes in maintenance mode their configuration by its API, as a person would."""
    limit_s = _CALL_TIMEOUT_S * (EMULATED_FACTOR if model.emulated else 1)
    progress.phase("applying the configurations")

    async def give(node: NodeModel) -> None:
        request = api.message_type("machine.ApplyConfigurationRequest")(data=config_of(node).encode())
        async with Client.insecure(node.address) as client:
            await _until(
                lambda: client.call("/machine.MachineService/ApplyConfiguration", request, timeout=limit_s), progress
            )

    await asyncio.gather(*(give(node) for node in model.nodes))


async def wait_machines(
    model: ClusterModel, talosconfig: str, progress: Progress, api_answers: Callable[[], None]
) -> None:
    """Until every node has booted and says that it is ready; for nodes without Kubernetes. api_answers is called once
    the first control plane node's API does, which signs the certificates of workers."""
    config = TalosConfig.parse(talosconfig)
    limit_s = _CALL_TIMEOUT_S * (EMULATED_FACTOR if model.emulated else 1)

    async def one(node: NodeModel) -> None:
        async with Client.from_config(config, endpoints=[node.address]) as client:
            await _until(lambda: _machine_ready(client, node, limit_s), progress)

    first = model.control_planes[0]
    progress.phase("waiting for the API of the control plane")
    async with Client.from_config(config, endpoints=[first.address]) as client:
        await _until(lambda: client.call("/machine.MachineService/Version", timeout=limit_s), progress)
    api_answers()
    count = len(model.nodes)
    progress.phase(f"waiting for {count} {'node' if count == 1 else 'nodes'} to be booted and ready")
    await asyncio.gather(*(one(node) for node in model.nodes))


async def _machine_ready(client: Client, node: NodeModel, limit_s: float) -> None:
    """OSError, as long as it is not."""
    request = api.message_type("cosi.resource.GetRequest")(
        namespace="runtime", type="MachineStatuses.runtime.talos.dev", id="machine"
    )
    reply = await client.call("/cosi.resource.State/Get", request, timeout=limit_s)
    spec = yaml.safe_load(reply.resource.spec.yaml_spec) or {}
    status = spec.get("status") or {}
    if spec.get("stage") != "running" or not status.get("ready"):
        unmet = ", ".join(f"{c.get('name')}: {c.get('reason')}" for c in status.get("unmetConditions") or ())
        raise ConnectionError(f"{node.name}: {spec.get('stage')}{f', {unmet}' if unmet else ''}")


async def bring_up(
    model: ClusterModel,
    talosconfig: str,
    progress: Progress,
    api_answers: Callable[[], None],
    *,
    ready: bool = True,
    bootstrap: bool = True,
) -> str:
    """Bootstrap the cluster, unless a node does so itself, and wait until every node is Ready, or only registered;
    returns the admin's kubeconfig. api_answers is called once the first control plane node's API does."""
    config = TalosConfig.parse(talosconfig)
    limit_s = _CALL_TIMEOUT_S * (EMULATED_FACTOR if model.emulated else 1)
    first = model.control_planes[0]
    async with Client.from_config(config, endpoints=[first.address]) as client:
        progress.phase("waiting for the API of the control plane")
        await _until(lambda: client.call("/machine.MachineService/Version", timeout=limit_s), progress)
        api_answers()
        if bootstrap:
            progress.phase("bootstrapping")
            request = api.message_type("machine.BootstrapRequest")()
            await _until(
                lambda: client.call("/machine.MachineService/Bootstrap", request, timeout=limit_s),
                progress,
                done=frozenset({"ALREADY_EXISTS"}),
            )
        progress.phase("fetching the kubeconfig")
        kubeconfig = await _until(lambda: _kubeconfig(client, limit_s), progress)
    progress.phase("waiting for the Kubernetes API")
    await wait_ready(kubeconfig, [node.name for node in model.nodes], progress, ready=ready)
    return kubeconfig


async def _until(action: Callable[[], Awaitable[T]], progress: Progress, done: frozenset[str] = frozenset()) -> T:
    """Repeat until it works. A status in `done` counts as working, one that does not pass by itself is raised."""
    while True:
        try:
            return await action()
        except ApiError as error:
            name = error.status.name
            if name in done:
                return None  # type: ignore[return-value]
            if name not in _TRANSIENT:
                raise ProvisionError(f"the node refused: {error}") from error
            progress.detail(str(error))
        except (OSError, TimeoutError) as error:
            progress.detail(str(error) or type(error).__name__)
        await asyncio.sleep(_RETRY_S)


async def _kubeconfig(client: Client, limit_s: float) -> str:
    archive = b""
    async for message in client.stream("/machine.MachineService/Kubeconfig", timeout=limit_s):
        archive += message.bytes
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(archive))) as tar:
        member = tar.extractfile("kubeconfig")
        if member is None:
            raise ProvisionError("the node's answer to Kubeconfig holds no file of that name")
        return member.read().decode()


async def wait_ready(kubeconfig: str, names: list[str], progress: Progress, *, ready: bool = True) -> None:
    """Until every named node is Ready, or only registered, by a watch."""
    found: dict[str, bool] = {}
    phase_shown = False
    async with KubernetesClient.from_kubeconfig(kubeconfig) as kubernetes:
        while True:
            try:
                async for nodes in kubernetes.snapshots(NODE):
                    if not phase_shown:
                        progress.phase(f"waiting for {len(names)} nodes to be {'Ready' if ready else 'registered'}")
                        phase_shown = True
                    found = {node["metadata"]["name"]: is_ready(node) or not ready for node in nodes.values()}
                    missing = [name for name in names if not found.get(name)]
                    if not missing:
                        return
                    progress.detail(
                        ", ".join(f"{n}: {'not Ready' if n in found else 'not registered'}" for n in missing)
                    )
            except (KubernetesApiError, ConnectError, OSError, TimeoutError) as error:
                progress.detail(str(error) or type(error).__name__)
            await asyncio.sleep(_RETRY_S)


def is_ready(node: dict) -> bool:  # type: ignore[type-arg]
    """Condition Ready of a Kubernetes node object."""
    conditions = node.get("status", {}).get("conditions", [])
    return any(item["type"] == "Ready" and item["status"] == "True" for item in conditions)
