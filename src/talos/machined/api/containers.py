"""Containers, Stats, Restart of pods' containers."""

from __future__ import annotations

from typing import Any

from grpclib import GRPCError, Status

from talos.api import machine_pb2
from talos.machined import containers, cri
from talos.machined.rpc import Call, unary


@unary("/machine.MachineService/Containers")
async def list_containers(_call: Call, request: Any) -> machine_pb2.ContainersResponse:
    """Namespace k8s.io: pods and their containers. Namespace system has none: services run without containers."""
    found = []
    if request.namespace == containers.NAMESPACE:
        found = [
            machine_pb2.ContainerInfo(
                namespace=containers.NAMESPACE, id=c.id, uid=c.uid, internal_id=c.internal_id, image=c.image, pid=c.pid,
                status=c.status, pod_id=c.pod_id, name=c.name, network_namespace=c.network_namespace,
            )
            for c in await containers.pod_containers()
        ]  # fmt: skip
    return machine_pb2.ContainersResponse(messages=[machine_pb2.Container(containers=found)])


@unary("/machine.MachineService/Stats")
async def stats(_call: Call, request: Any) -> machine_pb2.StatsResponse:
    """Memory and processor time of running containers."""
    found = []
    if request.namespace == containers.NAMESPACE:
        names = {c.internal_id: c for c in await containers.pod_containers(with_pids=False)}
        for stat in await cri.container_stats():
            container = names.get(stat.attributes.id)
            if container is not None:
                found.append(
                    machine_pb2.Stat(
                        namespace=containers.NAMESPACE, id=container.id, pod_id=container.pod_id, name=container.name,
                        memory_usage=stat.memory.working_set_bytes.value,
                        cpu_usage=stat.cpu.usage_core_nano_seconds.value,
                    )
                )  # fmt: skip
    return machine_pb2.StatsResponse(messages=[machine_pb2.Stats(stats=found)])


@unary("/machine.MachineService/Restart")
async def restart(_call: Call, request: Any) -> machine_pb2.RestartResponse:
    """Stop a pod's container; the kubelet starts it again."""
    if request.namespace != containers.NAMESPACE:
        raise GRPCError(
            Status.UNKNOWN,
            f'no container "{request.id}" in namespace {request.namespace!r}: services run without containers, '
            "restart them with talosctl service ID restart",
        )
    container = await containers.find(request.id)
    await cri.stop_container(container.internal_id, 30)
    return machine_pb2.RestartResponse(messages=[machine_pb2.Restart()])
