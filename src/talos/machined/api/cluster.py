"""HealthCheck: the node looks at its whole cluster."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, aclosing

from grpclib import GRPCError, Status

from talos.api import cluster_pb2
from talos.kubernetes import ApiError, Client, ConnectError, kubeconfig
from talos.machined.cluster_health import Cluster, run
from talos.machined.cluster_nodes import ClusterNodes
from talos.machined.rpc import Call, server_stream
from talos.resources.cluster import MemberSpec
from talos.resources.secrets import KubernetesCertsSpec

DEFAULT_TIMEOUT_S = 20 * 60.0


async def _kubernetes(call: Call, endpoint: str) -> Client:
    certs = await call.node.state.get_or_none(KubernetesCertsSpec, "k8s-certs")
    if certs is None:
        raise GRPCError(Status.UNIMPLEMENTED, "health checks run on control plane nodes: name one with --nodes")
    credentials = kubeconfig.parse(certs.spec.localhost_admin_kubeconfig)
    return Client(credentials._replace(server=endpoint) if endpoint else credentials)


async def _members(call: Call, cluster: Cluster) -> None:
    """The nodes of a cluster without Kubernetes: those that discovery knows, this one at least."""
    members = [resource.spec for resource in await call.node.state.list(MemberSpec) if resource.spec.addresses]
    cluster.control_plane = [str(m.addresses[0]) for m in members if m.machine_type.is_control_plane]
    cluster.workers = [str(m.addresses[0]) for m in members if not m.machine_type.is_control_plane]
    if not cluster.all:
        raise GRPCError(Status.UNKNOWN, "the nodes of the cluster are not known: name them with --control-plane-nodes")


@server_stream("/cluster.ClusterService/HealthCheck")
async def health_check(
    call: Call, request: cluster_pb2.HealthCheckRequest
) -> AsyncGenerator[cluster_pb2.HealthCheckProgress, None]:
    """Progress of the checks, until all have passed. DEADLINE_EXCEEDED names the check that did not."""
    config = call.node.config.current
    without = config is not None and config.machine.is_control_plane and config.kubernetes.api_server is None
    client = None if without else await _kubernetes(call, request.cluster_info.force_endpoint)
    limit = request.wait_timeout.ToTimedelta().total_seconds() if request.HasField("wait_timeout") else 0.0
    deadline = asyncio.get_running_loop().time() + (limit or DEFAULT_TIMEOUT_S)
    last = "discovering nodes"
    async with AsyncExitStack() as stack:
        nodes = await stack.enter_async_context(await ClusterNodes.create(call.node.state))
        if client is not None:
            await stack.enter_async_context(client)
        info = request.cluster_info
        etcd = config is None or config.machine.runs_etcd
        cluster = Cluster(nodes, client, list(info.control_plane_nodes), list(info.worker_nodes), etcd)
        if not cluster.all:
            if client is None:
                await _members(call, cluster)
            else:
                try:
                    await cluster.discover()
                except (ApiError, ConnectError) as error:
                    raise GRPCError(Status.UNKNOWN, f"the nodes of the cluster are not known: {error}") from error
            names = " ".join(f'"{address}"' for address in cluster.all)
            yield cluster_pb2.HealthCheckProgress(message=f"discovered nodes: [{names}]")
        async with aclosing(run(cluster)) as progress:
            while True:
                try:
                    # Not one timeout around the loop: a generator must not be cancelled while its reader has control.
                    async with asyncio.timeout_at(deadline):
                        last = await anext(progress)
                except StopAsyncIteration:
                    return
                except TimeoutError as error:
                    text = f"the cluster is not healthy within the time given; last: {last}"
                    raise GRPCError(Status.DEADLINE_EXCEEDED, text) from error
                yield cluster_pb2.HealthCheckProgress(message=last)
