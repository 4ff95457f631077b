"""HealthCheck: the node looks at its whole cluster."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

from grpclib import GRPCError, Status

from talos.api import cluster_pb2
from talos.kubernetes import ApiError, Client, ConnectError, kubeconfig
from talos.machined.cluster_health import Cluster, run
from talos.machined.cluster_nodes import ClusterNodes
from talos.machined.rpc import Call, server_stream
from talos.resources.secrets import KubernetesCertsSpec

DEFAULT_TIMEOUT_S = 20 * 60.0


@server_stream("/cluster.ClusterService/HealthCheck")
async def health_check(
    call: Call, request: cluster_pb2.HealthCheckRequest
) -> AsyncGenerator[cluster_pb2.HealthCheckProgress, None]:
    """Progress of the checks, until all have passed. DEADLINE_EXCEEDED names the check that did not."""
    certs = await call.node.state.get_or_none(KubernetesCertsSpec, "k8s-certs")
    if certs is None:
        raise GRPCError(Status.UNIMPLEMENTED, "health checks run on control plane nodes: name one with --nodes")
    credentials = kubeconfig.parse(certs.spec.localhost_admin_kubeconfig)
    if endpoint := request.cluster_info.force_endpoint:
        credentials = credentials._replace(server=endpoint)
    limit = request.wait_timeout.ToTimedelta().total_seconds() if request.HasField("wait_timeout") else 0.0
    deadline = asyncio.get_running_loop().time() + (limit or DEFAULT_TIMEOUT_S)
    last = "discovering nodes"
    async with await ClusterNodes.create(call.node.state) as nodes, Client(credentials) as client:
        info = request.cluster_info
        cluster = Cluster(nodes, client, list(info.control_plane_nodes), list(info.worker_nodes))
        if not cluster.all:
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
